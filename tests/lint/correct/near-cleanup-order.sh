#!/bin/bash
# Nodes first, then Karpenter, then the cluster.
set -e
kubectl delete deployment --all -n research
kubectl delete nodepool inference training
kubectl wait nodeclaim --all --for=delete --timeout=20m
helm uninstall karpenter -n kube-system
eksctl delete cluster --name lab --wait
