{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{- define "carve.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "carve.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- define "carve.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "carve.labels" -}}
{{ include "carve.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "carve.image" -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}

{{/* A value of NVIDIA's charts by its path, or nothing: include "carve.given" (list .Values "toolkit" "enabled") */}}
{{- define "carve.given" -}}
{{- $at := first . -}}
{{- range rest . -}}
{{- if kindIs "map" $at -}}{{- $at = get $at . -}}{{- else -}}{{- $at = "" -}}{{- end -}}
{{- end -}}
{{- if not (kindIs "invalid" $at) -}}{{- $at -}}{{- end -}}
{{- end -}}

{{- define "carve.migStrategy" -}}
{{- coalesce .Values.migStrategy .Values.mig.strategy | default "" -}}
{{- end -}}

{{- define "carve.driverRoot" -}}
{{- coalesce .Values.driver.root .Values.nvidiaDriverRoot (include "carve.given" (list .Values "hostPaths" "driverInstallDir")) "/" -}}
{{- end -}}

{{- define "carve.kubelet" -}}
{{- coalesce (include "carve.given" (list .Values "hostPaths" "kubeletRootDir")) .Values.host.kubelet -}}
{{- end -}}

{{- define "carve.devRoot" -}}
{{- coalesce .Values.driver.devRoot .Values.nvidiaDevRoot | default "" -}}
{{- end -}}

{{/* The device plugin's settings under the names of both charts; operator's `devicePlugin.config` second. */}}
{{- define "carve.configName" -}}
{{- $operators := include "carve.given" (list .Values "devicePlugin" "config" "name") -}}
{{- if .Values.config.name -}}{{- .Values.config.name -}}
{{- else if .Values.config.map -}}{{- include "carve.fullname" . }}-configs
{{- else -}}{{- $operators -}}
{{- end -}}
{{- end -}}

{{- define "carve.configDefault" -}}
{{- coalesce .Values.config.default (include "carve.given" (list .Values "devicePlugin" "config" "default")) | default "" -}}
{{- end -}}

{{/* The operator's own file is not needed, but one that somebody gives under its name counts. */}}
{{- define "carve.migConfigName" -}}
{{- $config := .Values.migManager.config -}}
{{- if or $config.create (ne $config.name "default-mig-parted-config") -}}{{- $config.name -}}{{- end -}}
{{- end -}}

{{- define "carve.labelsMode" -}}
{{- if and (kindIs "bool" .Values.gfd.enabled) (not .Values.gfd.enabled) -}}off{{- else -}}{{- .Values.labels -}}{{- end -}}
{{- end -}}

{{- define "carve.noTimestamp" -}}
{{- coalesce .Values.gfd.noTimestamp .Values.noTimestamp false -}}
{{- end -}}

{{- define "carve.privileged" -}}
{{- if or .Values.migManager.enabled (eq .Values.driver.devices "privileged") -}}true{{- end -}}
{{- end -}}

{{- define "carve.hostPID" -}}
{{- if kindIs "bool" .Values.hostPID -}}{{- if .Values.hostPID -}}true{{- end -}}
{{- else if .Values.migManager.enabled -}}true{{- end -}}
{{- end -}}

{{/* Taints that are ours: keys. */}}
{{- define "carve.faultTaintKey" -}}
{{- regexReplaceAll "[=:].*$" .Values.faultTaint "" -}}
{{- end -}}

{{- define "carve.ownTaints" -}}
{{- $keys := list "carve.dev/not-ready" "carve.dev/mig-change" "carve.dev/interruption" -}}
{{- with include "carve.faultTaintKey" . -}}{{- $keys = append $keys . | uniq -}}{{- end -}}
{{- toJson $keys -}}
{{- end -}}

{{- define "carve.commonPod" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with coalesce .Values.priorityClassName (include "carve.given" (list .Values "daemonsets" "priorityClassName")) }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}
