#!/bin/sh
# A variable that stands for a whole entry.
LABELS=${1:+"team: $1"}
cat <<EOF | kubectl apply -f -
apiVersion: v1
kind: Pod
metadata:
  name: lines-${USER}
  labels:
    ${LABELS}
    app: lines
spec:
  restartPolicy: Never
  containers:
    - name: lines
      image: registry.example.com/tools/lines:1
EOF
