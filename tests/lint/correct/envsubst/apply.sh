#!/bin/sh
set -eu
export CLUSTER=${1:?cluster} NODE_ROLE=${2:?role}
for f in class.yaml pool.yaml; do
  envsubst < "$f" | kubectl apply -f -
done
