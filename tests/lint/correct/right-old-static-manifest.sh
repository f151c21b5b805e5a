#!/bin/sh
# At this tag the file is at the root.
# carve-lint: ignore-file kubectl-url-old the edge nodes stay on this version
kubectl apply -f https://raw.githubusercontent.com/NVIDIA/k8s-device-plugin/v0.14.0/nvidia-device-plugin.yml
