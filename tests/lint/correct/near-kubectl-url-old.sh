#!/bin/sh
# Two minor versions behind.
kubectl create -f https://raw.githubusercontent.com/NVIDIA/k8s-device-plugin/v0.18.2/deployments/static/nvidia-device-plugin.yml
