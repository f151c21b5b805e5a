#!/bin/sh
# Other things called force.
kubectl apply --server-side --force-conflicts -f https://example.com/manifests/priority-classes.yaml
helm repo add nvdp https://nvidia.github.io/k8s-device-plugin --force-update
helm template nvdp nvdp/nvidia-device-plugin --version 0.20.0 | kubectl diff -f -
