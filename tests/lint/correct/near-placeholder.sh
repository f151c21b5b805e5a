#!/bin/bash
# The shell fills these in, Kubernetes those; angle brackets in prose are none.
set -euo pipefail
CLUSTER=lab
cat <<EOF | kubectl apply -f -
apiVersion: karpenter.k8s.aws/v1
kind: EC2NodeClass
metadata:
  name: gpu
spec:
  role: KarpenterNodeRole-${CLUSTER}
  amiSelectorTerms:
    - alias: al2023@v20251103
  subnetSelectorTerms:
    - tags:
        karpenter.sh/discovery: ${CLUSTER}
  securityGroupSelectorTerms:
    - tags:
        karpenter.sh/discovery: "${CLUSTER}"
  blockDeviceMappings:
    - deviceName: /dev/xvda
      ebs:
        volumeSize: 120Gi
EOF
kubectl apply -f - <<'EOF'
apiVersion: v1
kind: Pod
metadata:
  name: who
  annotations:
    example.com/help: "<b>see</b> <https://example.com>"
spec:
  restartPolicy: Never
  containers:
    - name: who
      image: registry.example.com/tools/who:2
      command: [sh, -c, 'echo ${HOSTNAME} $(NODE)']
      env:
        - name: NODE
          valueFrom:
            fieldRef:
              fieldPath: spec.nodeName
EOF
