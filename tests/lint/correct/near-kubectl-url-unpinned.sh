#!/bin/sh
# A tag in its long form, and a commit.
kubectl apply -f https://raw.githubusercontent.com/NVIDIA/k8s-device-plugin/refs/tags/v0.20.0/deployments/static/nvidia-device-plugin.yml
kubectl apply -f https://raw.githubusercontent.com/NVIDIA/k8s-device-plugin/8b1a9953c4611296a827abf8c47804d7e6c49c6b/deployments/static/nvidia-device-plugin.yml
