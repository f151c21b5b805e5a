#!/bin/sh
# Pods that a command makes, and objects of an earlier time.
kubectl run disk-check --image=registry.example.com/tools/disk:1 --restart=Never
kubectl wait --for=condition=Ready pod/disk-check --timeout=60s
kubectl delete pod disk-check --force --grace-period=0
kubectl apply -f - <<'EOF'
apiVersion: v1
kind: Pod
metadata:
  name: probe
spec:
  restartPolicy: Never
  containers:
    - name: probe
      image: registry.example.com/tools/probe:1
EOF
kubectl delete pod probe
kubectl delete pod old-probe --ignore-not-found
kubectl delete deployment probe --ignore-not-found
for f in jobs/*.yaml; do
  sed "s/IMAGE/$IMAGE/" "$f" > "${f}.tmp"
done
kubectl apply -f jobs/one.yaml.tmp
