#!/bin/sh
# Two arguments, and options; a second command behind && and ;.
helm repo add nvidia https://helm.ngc.nvidia.com/nvidia && helm repo update
helm repo add lab https://charts.example.com --username ci --password "$TOKEN" --pass-credentials
helm repo add nvdp \
  https://nvidia.github.io/k8s-device-plugin; helm repo update nvdp
