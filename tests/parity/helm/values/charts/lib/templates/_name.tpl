{{- define "lib.name" -}}{{ .Release.Name }}-{{ .Chart.Name | trunc 4 }}{{- end -}}
