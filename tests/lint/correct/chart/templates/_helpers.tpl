{{- define "model-server.name" -}}
{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}
