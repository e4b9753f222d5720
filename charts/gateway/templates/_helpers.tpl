{{/* Name of every object: the release's, which names the workload. */}}
{{- define "gateway.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}

{{- define "gateway.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "gateway.workload" -}}
{{- .Values.workload | default .Release.Namespace -}}
{{- end -}}

{{- define "gateway.selectorLabels" -}}
app.kubernetes.io/name: {{ include "gateway.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* Labels of a pod: no chart version, which would restart it for nothing. */}}
{{- define "gateway.podLabels" -}}
{{ include "gateway.selectorLabels" . }}
app.kubernetes.io/component: proxy
app.kubernetes.io/part-of: {{ include "gateway.workload" . | quote }}
causeway/workload: {{ include "gateway.workload" . | quote }}
{{- with .Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "gateway.labels" -}}
{{ include "gateway.selectorLabels" . }}
app.kubernetes.io/part-of: {{ include "gateway.workload" . | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- with .Values.audience }}
causeway/audience: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "gateway.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "gateway.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{/* An image behind the site's mirror, unless it names a registry itself. Takes (list registry image). */}}
{{- define "gateway.image" -}}
{{- $registry := index . 0 -}}
{{- $image := index . 1 -}}
{{- $first := first (splitList "/" $image) -}}
{{- $named := and (contains "/" $image) (or (contains "." $first) (contains ":" $first) (eq $first "localhost")) -}}
{{- if or $named (not $registry) -}}{{ $image }}{{- else -}}{{ printf "%s/%s" (trimSuffix "/" $registry) $image }}{{- end -}}
{{- end -}}

{{/* Name of a backend, for Envoy and as the key of its weight: the release, after its cluster when that is another. */}}
{{- define "gateway.backendName" -}}
{{- list .cluster .release | compact | join "." -}}
{{- end -}}

{{/* Where a backend answers. Takes (list root backend). A backend of this cluster is reached replica by replica. */}}
{{- define "gateway.backendAddress" -}}
{{- $root := index . 0 -}}
{{- $backend := index . 1 -}}
{{- if $backend.address -}}{{ $backend.address }}
{{- else if $backend.cluster -}}{{ printf "%s.%s.%s.%s" $backend.release (include "gateway.workload" $root) $backend.cluster $root.Values.remote.domain }}
{{- else -}}{{ printf "%s-replicas.%s.svc" $backend.release (include "gateway.workload" $root) }}
{{- end -}}
{{- end -}}
{{- define "gateway.backendPort" -}}
{{- $root := index . 0 -}}
{{- $backend := index . 1 -}}
{{- if and $backend.cluster (not $backend.address) -}}{{ $root.Values.remote.port }}{{- else -}}{{ $backend.port | default 8000 }}{{- end -}}
{{- end -}}

{{/* Scheme, host, port and path of the upstream's URL, as JSON. */}}
{{- define "gateway.upstream" -}}
{{- $url := urlParse .Values.upstream.baseUrl -}}
{{- $parts := splitList ":" $url.host -}}
{{- $port := ternary "443" "80" (eq $url.scheme "https") -}}
{{- dict "tls" (eq $url.scheme "https") "host" (first $parts) "port" (ternary (last $parts) $port (gt (len $parts) 1) | int) "path" (trimSuffix "/" $url.path) "authority" $url.host | toJson -}}
{{- end -}}

{{/* The backends' weights by name, as JSON: what a rollout reads before it shifts. */}}
{{- define "gateway.weights" -}}
{{- $weights := dict -}}
{{- range .Values.backends -}}{{- $_ := set $weights (include "gateway.backendName" .) (int .weight) -}}{{- end -}}
{{- toJson $weights -}}
{{- end -}}
