#!/bin/sh
# Drained first, and a label that has nothing to do with MIG at the end.
set -eu
node=$1 layout=$2
kubectl cordon "$node"
kubectl drain "$node" --ignore-daemonsets --delete-emptydir-data --timeout=10m
kubectl label node "$node" nvidia.com/mig.config="$layout" --overwrite
kubectl wait node "$node" --timeout=15m \
  --for=jsonpath='{.metadata.labels.nvidia\.com/mig\.config\.state}'=success
kubectl uncordon "$node"
kubectl label node "$node" example.com/recut="$(date +%F)" --overwrite
