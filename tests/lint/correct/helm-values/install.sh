#!/usr/bin/env bash
set -euo pipefail
helm repo add nfd https://kubernetes-sigs.github.io/node-feature-discovery/charts
helm repo add gpu-helm-charts https://nvidia.github.io/dcgm-exporter/helm-charts
helm repo update
helm upgrade --install nfd nfd/node-feature-discovery -n node-feature-discovery --create-namespace -f node-feature-discovery.yaml
helm upgrade --install dcgm-exporter gpu-helm-charts/dcgm-exporter -n monitoring --create-namespace -f dcgm-exporter.yaml
