#!/bin/sh
# Values of the newest version.
helm repo add nvidia https://helm.ngc.nvidia.com/nvidia
helm repo update
helm upgrade -i gpu-operator nvidia/gpu-operator -n gpu-operator --create-namespace --version v26.7.0 \
  --set operator.runtimeClass=nvidia --set operator.cleanupCRD=true --set cdi.enabled=true
