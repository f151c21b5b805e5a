#!/bin/sh
# A registry, --repo, a folder, a release that is there already.
helm upgrade -i karpenter oci://public.ecr.aws/karpenter/karpenter --version 1.14.1 -n kube-system
helm upgrade -i nvdp nvidia-device-plugin --repo https://nvidia.github.io/k8s-device-plugin --version 0.20.0 -n gpu --create-namespace
helm upgrade -i own ./charts/model-server -n models
helm upgrade gpu-operator nvidia/gpu-operator -n gpu-operator --reuse-values --set dcgmExporter.serviceMonitor.enabled=true
