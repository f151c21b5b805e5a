#!/bin/sh
helm repo add nvdp https://nvidia.github.io/k8s-device-plugin
helm repo update
helm upgrade -i nvdp nvdp/nvidia-device-plugin --version 0.20.0 -n nvidia-device-plugin --create-namespace -f values.yaml
helm upgrade -i karpenter oci://public.ecr.aws/karpenter/karpenter --version 1.14.1 -n kube-system --reuse-values --set settings.featureGates.nodeOverlay=true
kubectl apply -f 10-class.yaml -f 20-pool.yaml -f 30-overlay.yaml
kubectl apply -f apps/
