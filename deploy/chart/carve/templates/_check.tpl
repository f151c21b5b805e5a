{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{/*
Values that make no sense together, or that ask for what carve cannot do, end the command with words;
those of NVIDIA's charts that have no meaning here are told in NOTES.txt.
*/}}
{{- define "carve.check" -}}
{{- $operators := default dict (get (default dict (get .Values "devicePlugin")) "config") -}}
{{- if and .Values.config.name .Values.config.map -}}
{{- fail "config.name and config.map: give one of them, the name of a ConfigMap that is there or what goes into one of the chart's own" -}}
{{- end -}}
{{- if and (or .Values.config.name .Values.config.map) (get $operators "name") -}}
{{- fail "config.* and devicePlugin.config.* are the same setting in two charts of NVIDIA's: give one of them" -}}
{{- end -}}
{{- if and (get $operators "create") (not (and (get $operators "name") (get $operators "data"))) -}}
{{- fail "devicePlugin.config.create needs devicePlugin.config.name and devicePlugin.config.data" -}}
{{- end -}}
{{- if and .Values.config.default .Values.config.map (not (hasKey .Values.config.map .Values.config.default)) -}}
{{- fail (printf "config.default: '%s' is not in config.map, which has %s" .Values.config.default (keys .Values.config.map | sortAlpha | join ", ")) -}}
{{- end -}}
{{- with include "carve.configDefault" . -}}
{{- if not (include "carve.configName" $) -}}
{{- fail (printf "config.default: '%s' needs a ConfigMap to be in: set config.name or config.map" .) -}}
{{- end -}}
{{- end -}}
{{- range .Values.config.fallbackStrategies -}}
{{- if not (has . (list "named" "single" "empty")) -}}
{{- fail (printf "config.fallbackStrategies: '%s' is none of named, single, empty" .) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.migStrategy .Values.mig.strategy (ne .Values.migStrategy .Values.mig.strategy) -}}
{{- fail "migStrategy and mig.strategy are the same setting in two charts of NVIDIA's and differ: give one of them" -}}
{{- end -}}
{{- if not .Values.migManager.enabled -}}
{{- range $key := list "drain" "reboot" -}}
{{- if get $.Values.migManager $key -}}
{{- fail (printf "migManager.%s is set, but migManager.enabled is not: without it no MIG layout is ever changed" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not .Values.interruption.enabled -}}
{{- if or .Values.interruption.hostNetwork (ne .Values.interruption.rebalance "event") -}}
{{- fail "interruption.rebalance and interruption.hostNetwork mean nothing without interruption.enabled" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.migManager.config.create (not (and .Values.migManager.config.name .Values.migManager.config.data)) -}}
{{- fail "migManager.config.create needs migManager.config.name and migManager.config.data" -}}
{{- end -}}
{{- if and .Values.migManager.config.data (not (hasKey .Values.migManager.config.data "config.yaml")) -}}
{{- fail "migManager.config.data has no config.yaml, which is the key that is read" -}}
{{- end -}}
{{- if and (include "carve.faultTaintKey" .) (not (regexMatch ":(NoSchedule|PreferNoSchedule|NoExecute)$" .Values.faultTaint)) -}}
{{- fail (printf "faultTaint: '%s' is no taint such as carve.dev/fault:NoSchedule" .Values.faultTaint) -}}
{{- end -}}
{{- if and .Values.migManager.reboot (not (include "carve.hostPID" .)) -}}
{{- fail "migManager.reboot needs hostPID: the kernel reboots a machine only for its own processes" -}}
{{- end -}}
{{- if contains "nvidia/" .Values.image.repository -}}
{{- fail (printf "image.repository: '%s' is NVIDIA's image; leave it out, or give the place that you pushed carve's to" .Values.image.repository) -}}
{{- end -}}
{{- $strategies := kindIs "slice" .Values.deviceListStrategy | ternary .Values.deviceListStrategy (splitList "," (default "envvar" .Values.deviceListStrategy | toString)) -}}
{{- range $strategies -}}
{{- if not (has . (list "envvar" "cdi-cri")) -}}
{{- fail (printf "deviceListStrategy: carve cannot do '%s'; it can envvar and cdi-cri" .) -}}
{{- end -}}
{{- end -}}
{{- if eq (default "uuid" .Values.deviceIDStrategy) "index" -}}
{{- fail "deviceIDStrategy: carve gives devices by UUID; an index means another GPU after a change: leave it out" -}}
{{- end -}}
{{- range $key := list "gdsEnabled" "gdrcopyEnabled" "mofedEnabled" -}}
{{- if get $.Values $key -}}
{{- fail (printf "%s: carve cannot do this yet" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What was given and has no meaning here: PATH=why, a line each. */}}
{{- define "carve.ignored" -}}
{{- $whys := dict
  "driver.enabled" "the driver must be on the node: in its machine image, or installed by another chart"
  "toolkit" "NVIDIA's container toolkit comes with the machine image, or is not needed with deviceListStrategy: cdi-cri"
  "operator" "there is no operator"
  "dcgm" "carve has no metrics yet; dcgm-exporter can run beside it"
  "dcgmExporter" "carve has no metrics yet; dcgm-exporter can run beside it"
  "nodeStatusExporter" "there are no validations to export"
  "validator" "use `carve doctor node`"
  "nfd" "not needed: GPU nodes are found without Node Feature Discovery, which is used where it runs"
  "node-feature-discovery" "not needed: GPU nodes are found without Node Feature Discovery, which is used where it runs"
  "mps" "carve cannot do MPS yet"
  "draDriver" "carve offers device plugins, not DRA"
  "cdi" "CDI devices of carve's own are used with deviceListStrategy: cdi-cri; of this key only nvidiaHookPath counts"
  "compatWithCPUManager" "CDI devices survive the CPU manager: set deviceListStrategy: cdi-cri"
  "allowDefaultNamespace" "every namespace is allowed"
  "deviceDiscoveryStrategy" "devices are found through NVML"
  "sleepInterval" "labels follow changes at once"
  "securityContext" "the containers' rights follow from migManager.enabled and driver.devices"
  "selectorLabelsOverride" "the pods' labels are the chart's own"
  "legacyDaemonsetAPI" "the API is apps/v1"
  "hostPaths.rootFS" "the host's root is not needed"
  "namespace" "give --namespace, or namespaceOverride"
  "gpuCluster" "there is no GPUCluster" "extraObjects" "the chart makes no objects that are not its own"
  "psp" "PodSecurityPolicy is gone" "psa" "label the namespace yourself: docs/install.md"
  "platform" "there is no support for OpenShift yet"
  "clusterPolicy" "there is no ClusterPolicy" "sandboxWorkloads" "virtual machines are not served"
  "vgpuManager" "virtual machines are not served" "vgpuDeviceManager" "virtual machines are not served"
  "vfioManager" "virtual machines are not served" "sandboxDevicePlugin" "virtual machines are not served"
  "kataManager" "virtual machines are not served" "kataSandboxDevicePlugin" "virtual machines are not served"
  "ccManager" "confidential computing is not served" "gds" "carve cannot do this yet" "gdrcopy" "carve cannot do this yet"
  "fabricManager" "the fabric manager comes with the driver" -}}
{{- range $path, $why := $whys -}}
{{- $at := $.Values -}}
{{- range splitList "." $path -}}
{{- if and (kindIs "map" $at) (hasKey $at .) -}}{{- $at = get $at . -}}{{- else -}}{{- $at = "\x00" -}}{{- end -}}
{{- end -}}
{{- if not (or (kindIs "invalid" $at) (eq ($at | toString) "false") (eq ($at | toString) "\x00") (and (eq $path "cdi") (hasKey (default dict $.Values.cdi) "nvidiaHookPath")) (and (kindIs "map" $at) (eq (get $at "enabled" | toString) "false"))) }}
{{ printf "%s=%s" $path $why }}
{{- end -}}
{{- end -}}
{{- range $part, $keys := dict
  "devicePlugin" (list "enabled" "image" "repository" "version" "imagePullPolicy" "imagePullSecrets" "args" "env" "resources" "hostNetwork" "mps" "enableHostNetwork" "mode")
  "migManager" (list "image" "repository" "version" "imagePullPolicy" "imagePullSecrets" "args" "env" "resources" "hostNetwork" "gpuClientsConfig")
  "gfd" (list "image" "repository" "version" "imagePullPolicy" "imagePullSecrets" "args" "env" "resources" "hostNetwork" "sleepInterval" "securityContext" "nameOverride" "namespaceOverride" "enableHostNetwork")
  "daemonsets" (list "updateStrategy" "rollingUpdate") -}}
{{- range $keys -}}
{{- if hasKey (default dict (get $.Values $part)) . }}
{{ printf "%s.%s=carve has one DaemonSet with two containers; see its own values" $part . }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
