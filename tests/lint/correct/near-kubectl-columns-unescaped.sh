#!/bin/sh
# Dots escaped, or in places where they are none.
kubectl get nodes -o custom-columns='NAME:.metadata.name,GPU:.status.allocatable.nvidia\.com/gpu,TYPE:.metadata.labels.node\.kubernetes\.io/instance-type'
kubectl get nodes -o jsonpath='{range .items[*]}{.metadata.name}{"\t"}{.status.capacity.nvidia\.com/mig-1g\.10gb}{"\n"}{end}'
kubectl get nodes -L nvidia.com/gpu.product -l nvidia.com/gpu.present=true
kubectl get nodes -o json | jq '.items[].status.allocatable["nvidia.com/gpu"]'
