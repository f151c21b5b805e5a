#!/usr/bin/env bash
# Installs the GPU side of a cluster; run it from anywhere.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${CLUSTER:=lab}"

need() { command -v "$1" >/dev/null || { echo "need $1" >&2; exit 2; }; }
for tool in aws kubectl helm; do need "$tool"; done

region=$(aws configure get region)
account=$(aws sts get-caller-identity --query Account --output text)
echo "cluster $CLUSTER in $region of $account"

helm repo add nvidia https://helm.ngc.nvidia.com/nvidia >/dev/null 2>&1 || true
helm repo update >/dev/null
if ! helm status gpu-operator -n gpu-operator >/dev/null 2>&1; then
  helm install gpu-operator nvidia/gpu-operator -n gpu-operator --create-namespace \
    --version v26.7.0 --set driver.enabled=false --set toolkit.enabled=false \
    --set mig.strategy=single --wait
fi
kubectl apply -f "$here/manifests"
while read -r node; do
  kubectl annotate node "$node" example.com/seen="$(date -u +%FT%TZ)" --overwrite
done < <(kubectl get nodes -l nvidia.com/gpu.present=true -o name)
kubectl -n gpu-operator get pods -o custom-columns=NAME:.metadata.name,STATE:.status.phase
case ${1:-} in
  --check) kubectl get nodes -o jsonpath='{.items[*].status.allocatable.nvidia\.com/gpu}' ;;
esac
