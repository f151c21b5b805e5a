#!/bin/sh
# Driver and toolkit are the user's to choose, and a mirrored image needs its version.
helm repo add nvidia https://helm.ngc.nvidia.com/nvidia
helm repo update
helm upgrade -i gpu-operator nvidia/gpu-operator -n gpu-operator --create-namespace --version v26.7.0 \
  --set driver.version=580.105.08 \
  --set toolkit.version=v1.18.0-ubuntu20.04 \
  --set devicePlugin.repository=registry.example.com/nvidia --set devicePlugin.version=v0.20.0
