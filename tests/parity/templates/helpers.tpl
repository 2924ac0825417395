{{- define "name" -}}
{{ .Release.Name }}-{{ .Chart.Name | trunc 5 }}
{{- end -}}
{{- define "plain" }}plain{{ end -}}
{{- define "echo" }}[{{ . }}]{{ end -}}
{{- define "first" -}}{{ index . 0 }}{{- end -}}
{{- define "labels" }}
app: {{ include "name" . }}
chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}
{{- define "deep" -}}{{ if gt (int .) 0 }}{{ . }}{{ include "deep" (sub (int .) 1) }}{{ end }}{{- end -}}
{{- define "missing" -}}{{ .Values.map.c.none.more }}{{- end -}}
{{- define "outer" -}}({{ template "echo" .inner }}{{ include "missing" .root }}){{- end -}}
