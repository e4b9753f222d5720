{{/* Name of every object: the release's, which names workload and pool. */}}
{{- define "inference.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}

{{- define "inference.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "inference.selectorLabels" -}}
app.kubernetes.io/name: {{ include "inference.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* Labels of a pod: no chart version, or each new chart would restart every model. */}}
{{- define "inference.podLabels" -}}
{{ include "inference.selectorLabels" . }}
app.kubernetes.io/component: server
app.kubernetes.io/part-of: {{ .Release.Namespace | quote }}
causeway/workload: {{ .Release.Namespace | quote }}
causeway/on-drain: {{ .Values.onDrain | quote }}
{{- with .Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "inference.labels" -}}
{{ include "inference.selectorLabels" . }}
app.kubernetes.io/part-of: {{ .Release.Namespace | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- with .Values.engine.version }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- with .Values.audience }}
causeway/audience: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "inference.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "inference.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{/* An image behind the site's mirror, unless it names a registry itself. Takes (list registry image). */}}
{{- define "inference.image" -}}
{{- $registry := index . 0 -}}
{{- $image := index . 1 -}}
{{- $first := first (splitList "/" $image) -}}
{{- $named := and (contains "/" $image) (or (contains "." $first) (contains ":" $first) (eq $first "localhost")) -}}
{{- if or $named (not $registry) -}}{{ $image }}{{- else -}}{{ printf "%s/%s" (trimSuffix "/" $registry) $image }}{{- end -}}
{{- end -}}

{{/* The engine's image. Where neither declaration nor catalog names one, the site's mirror keeps its own under the engine's name. */}}
{{- define "inference.engineImage" -}}
{{- $engine := .Values.engine -}}
{{- include "inference.image" (list .Values.imageRegistry ($engine.image | default (printf "%s:%s" $engine.name ($engine.version | default "site-default")))) -}}
{{- end -}}

{{/* vLLM and its sisters share one command line; any other engine brings its own. */}}
{{- define "inference.isVllm" -}}
{{- if has .Values.engine.name (list "vllm" "vllm-ascend" "vllm-mlu" "vllm-omni") -}}true{{- end -}}
{{- end -}}

{{/* Where the weights come from: download, volume, or the engine itself. */}}
{{- define "inference.weightsFrom" -}}
{{- if .Values.weights.volume -}}volume
{{- else if regexMatch "^(s3|oss|obs|cos)://" (.Values.model.weights | default "") -}}download
{{- else -}}engine
{{- end -}}
{{- end -}}

{{/* What the engine is told to load. */}}
{{- define "inference.modelPath" -}}
{{- $from := include "inference.weightsFrom" . -}}
{{- if eq $from "download" -}}/models/{{ .Values.model.name }}
{{- else if eq $from "volume" -}}{{ list "/models" (.Values.weights.subPath | trimAll "/") | compact | join "/" }}
{{- else -}}{{ .Values.model.weights | default .Values.model.name }}
{{- end -}}
{{- end -}}

{{/* rclone's name of a place in an object store, and its word for the store's kind. */}}
{{- define "inference.rcloneSource" -}}
{{- printf ":s3:%s" (regexReplaceAll "^[a-z0-9]+://" .Values.model.weights "" | trimSuffix "/") -}}
{{- end -}}
{{- define "inference.rcloneProvider" -}}
{{- $scheme := first (splitList ":" .Values.model.weights) -}}
{{- .Values.weights.download.provider | default (get (dict "oss" "Alibaba" "obs" "HuaweiOBS" "cos" "TencentCOS") $scheme) | default (ternary "Other" "AWS" (not (empty .Values.weights.download.endpoint))) -}}
{{- end -}}

{{/* Seconds that a model may take to load: ten minutes, and ten seconds for each billion of parameters. */}}
{{- define "inference.startupSeconds" -}}
{{- .Values.startup.timeoutSeconds | default (add 600 (mul 10 (ceil (.Values.model.parametersB | default 0) | int))) -}}
{{- end -}}

{{/* Seconds between the order to stop and the end: nearly as long as a drain may take, so that what runs can end, and the drain still sees it. */}}
{{- define "inference.graceSeconds" -}}
{{- .Values.termination.graceSeconds | default (max (sub .Values.drainTimeoutSeconds 30) (add .Values.termination.settleSeconds 30)) -}}
{{- end -}}

{{/* Metrics that tell how many requests the engine has. */}}
{{- define "inference.requestMetrics" -}}
{{- $prefix := ternary "vllm_omni" "vllm" (eq .Values.engine.name "vllm-omni") -}}
{{- list (printf "%s:num_requests_running" $prefix) (printf "%s:num_requests_waiting" $prefix) | toJson -}}
{{- end -}}

{{/* Only Nvidia's device nodes are open to every user; the other vendors' images and drivers want root. */}}
{{- define "inference.rootless" -}}
{{- if has (.Values.accelerator.vendor | default "") (list "" "nvidia") -}}true{{- end -}}
{{- end -}}
{{- define "inference.podSecurityContext" -}}
{{- if kindIs "map" .Values.podSecurityContext -}}
{{ toYaml .Values.podSecurityContext }}
{{- else if include "inference.rootless" . -}}
runAsNonRoot: true
runAsUser: 2000
runAsGroup: 2000
fsGroup: 2000
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- else -}}
seccompProfile: {type: RuntimeDefault}
{{- end -}}
{{- end -}}
{{- define "inference.securityContext" -}}
{{- if kindIs "map" .Values.securityContext -}}
{{ toYaml .Values.securityContext }}
{{- else -}}
allowPrivilegeEscalation: false
# engines write caches beside themselves; none was seen to work without
readOnlyRootFilesystem: false
{{- if include "inference.rootless" . }}
capabilities: {drop: [ALL]}
{{- else }}
# root without these could not open device nodes and drivers' files that belong to a vendor's own user
capabilities: {drop: [ALL], add: [CHOWN, DAC_OVERRIDE, FOWNER, IPC_LOCK]}
{{- end }}
{{- end -}}
{{- end -}}

{{/* Requests and limits: CPU and memory by the number of accelerators, then the user's, then the accelerators. */}}
{{- define "inference.resources" -}}
{{- $count := .Values.accelerator.count | default 0 | int -}}
{{- $scale := max 1 $count -}}
{{- $memory := .Values.perAccelerator.memory -}}
{{- $unit := regexFind "[A-Za-z]+$" $memory -}}
{{- $cpu := mul $scale (.Values.perAccelerator.cpu | int) | toString -}}
{{- $bytes := printf "%d%s" (mul $scale (trimSuffix $unit $memory | int)) $unit -}}
{{- $requests := merge (dict) (deepCopy .Values.resources.requests) (dict "cpu" $cpu "memory" $bytes) -}}
{{- $limits := deepCopy .Values.resources.limits -}}
{{- if and $count .Values.accelerator.resource -}}
{{- $_ := set $limits .Values.accelerator.resource (toString $count) -}}
{{- $_ := set $requests .Values.accelerator.resource (toString $count) -}}
{{- end -}}
requests: {{- toYaml $requests | nindent 2 }}
{{- with $limits }}
limits: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
