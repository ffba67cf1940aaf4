{{/*
Names are fixed and not made from the release: there is one operator in a cluster. A second release
would have a Lease of its own and write the same records; so Helm refuses it, because cluster-wide
objects of these names are the first one's.
*/}}
{{- define "sysplex-vipa.name" -}}sysplex-vipa{{- end }}

{{- define "sysplex-vipa.account" -}}{{ .Values.serviceAccount.name }}{{- end }}

{{- define "sysplex-vipa.selector" -}}
app.kubernetes.io/name: sysplex-vipa
app.kubernetes.io/component: operator
{{- end }}

{{- define "sysplex-vipa.labels" -}}
app.kubernetes.io/name: sysplex-vipa
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- end }}

{{- define "sysplex-vipa.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{ .Values.image.repository }}:{{ $tag }}{{ with .Values.image.digest }}@{{ . }}{{ end }}
{{- end }}

{{/* The restricted Pod Security level asks for all of this, and it is right. */}}
{{- define "sysplex-vipa.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "sysplex-vipa.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/*
An address of a range that a host may have: not the network's own, which is the first one of it. Of a
single address, or of an IPv6 range that does not end in ::, the address as it is written.
*/}}
{{- define "sysplex-vipa.host" -}}
{{- $address := splitList "/" . | first -}}
{{- $single := or (eq . $address) (hasSuffix "/32" .) (hasSuffix "/128" .) -}}
{{- if or $single (and (contains ":" $address) (not (hasSuffix "::" $address))) -}}
{{ $address }}
{{- else if contains ":" $address -}}
{{ $address }}1
{{- else -}}
{{- $bytes := splitList "." $address -}}
{{ initial $bytes | join "." }}.{{ last $bytes | atoi | add1 }}
{{- end -}}
{{- end }}
