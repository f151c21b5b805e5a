{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{/* The command line of carve-gateway; --uninstall has its own in uninstall.yaml. */}}
{{- define "carve.gatewayArgs" -}}
- --daemon-set={{ include "carve.fullname" . }}
- --log-level={{ .Values.gateway.logLevel }}
- --labels={{ include "carve.labelsMode" . | kebabcase }}
{{- if eq (include "carve.noTimestamp" .) "true" }}
- --no-timestamp=true
{{- end }}
- --ready-deadline={{ .Values.readyDeadline }}
{{- with .Values.faultTaint }}
- --fault-taint={{ . }}
{{- end }}
{{- if .Values.interruption.enabled }}
- --interruption=true
- --interruption-rebalance={{ .Values.interruption.rebalance }}
- --metadata-endpoint={{ .Values.interruption.endpoint }}
{{- end }}
{{- with include "carve.configName" . }}
- --config-map={{ . }}
- --config-label={{ $.Values.config.label }}
- --config-fallbacks={{ join "," $.Values.config.fallbackStrategies }}
{{- end }}
{{- with include "carve.configDefault" . }}
- --config-default={{ . }}
{{- end }}
{{- if .Values.migManager.enabled }}
- --mig=true
- --mig-label={{ .Values.migManager.label }}
- --mig-deadline={{ .Values.migManager.deadline }}
{{- with include "carve.migConfigName" . }}
- --mig-config-map={{ . }}
{{- end }}
{{- with .Values.migManager.config.default }}
- --mig-default={{ . }}
{{- end }}
{{- if .Values.migManager.drain }}
- --mig-drain=true
{{- end }}
{{- if .Values.migManager.reboot }}
- --mig-reboot=true
{{- end }}
{{- end }}
{{- with .Values.gateway.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end -}}
