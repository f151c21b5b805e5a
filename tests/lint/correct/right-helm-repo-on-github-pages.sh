#!/bin/sh
# This address is a chart repository too.
helm repo add nvidia https://nvidia.github.io/gpu-operator
helm repo update
helm upgrade -i gpu-operator nvidia/gpu-operator -n gpu-operator --create-namespace --version v26.7.0
