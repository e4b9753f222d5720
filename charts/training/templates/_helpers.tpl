{{/* Names: the release's, short enough for what Kubernetes appends to it. */}}
{{- define "training.fullname" -}}
{{- .Release.Name | trunc 45 | trimSuffix "-" -}}
{{- end -}}

{{- define "training.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "training.labels" -}}
{{ include "training.selectorLabels" . }}
app.kubernetes.io/part-of: {{ .Release.Namespace | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- with .Values.audience }}
causeway/audience: {{ . | quote }}
{{- end }}
{{- end -}}

{{/*
The Job's name. It ends in a digest of what the pod template says, which Kubernetes lets nobody change: another template is a new Job,
and the old one is deleted, so its pods may write a checkpoint. The value `run` makes a new one of the same template.
*/}}
{{- define "training.jobName" -}}
{{- $template := include "training.podTemplate" (dict "root" . "job" "JOB") -}}
{{- printf "%s-%s" (include "training.fullname" .) (printf "%d %s" (int .Values.run) ($template | fromYaml | toJson) | sha256sum | trunc 8) -}}
{{- end -}}

{{/* An image behind the site's mirror, unless it names a registry itself. Takes (list registry image). */}}
{{- define "training.image" -}}
{{- $registry := index . 0 -}}
{{- $image := index . 1 -}}
{{- $first := first (splitList "/" $image) -}}
{{- $named := and (contains "/" $image) (or (contains "." $first) (contains ":" $first) (eq $first "localhost")) -}}
{{- if or $named (not $registry) -}}{{ $image }}{{- else -}}{{ printf "%s/%s" (trimSuffix "/" $registry) $image }}{{- end -}}
{{- end -}}

{{/* The job's image. Where none is declared, the site's mirror keeps its own for each vendor. */}}
{{- define "training.jobImage" -}}
{{- include "training.image" (list .Values.imageRegistry (.Values.image | default (printf "training-%s:site-default" (.Values.accelerator.vendor | default "cpu")))) -}}
{{- end -}}

{{/* What torch calls the vendor's collectives. */}}
{{- define "training.backend" -}}
{{- $known := get .Values.collectives (.Values.accelerator.vendor | default "") | default dict -}}
{{- .Values.rendezvous.backend | default $known.backend | default "gloo" -}}
{{- end -}}

{{/* "true" when the pods make a table of ranks. */}}
{{- define "training.rankTable" -}}
{{- $known := get .Values.collectives (.Values.accelerator.vendor | default "") | default dict -}}
{{- $fits := and $known.rankTable (regexMatch ($known.rankTable | default "$^") (.Values.accelerator.name | default "")) -}}
{{- if kindIs "bool" .Values.rankTable.enabled -}}
{{- if .Values.rankTable.enabled -}}true{{- end -}}
{{- else if and $fits (gt (int .Values.hosts) 1) -}}true
{{- end -}}
{{- end -}}

{{/* A table of ranks is by the job's index, so the ranks must be too; otherwise hosts may leave and come back. */}}
{{- define "training.rendezvousType" -}}
{{- .Values.rendezvous.type | default (ternary "static" "c10d" (eq (include "training.rankTable" .) "true")) -}}
{{- end -}}

{{/* "true" when days are given. */}}
{{- define "training.hasWindow" -}}
{{- if or .Values.startsOn .Values.endsOn .Values.lastSchedulingDay -}}true{{- end -}}
{{- end -}}

{{/* Refuses days that cannot be kept. */}}
{{- define "training.checkDays" -}}
{{- with .Values -}}
{{- range $name, $day := dict "startsOn" .startsOn "endsOn" .endsOn "lastSchedulingDay" .lastSchedulingDay -}}
{{- if and $day (ne (dateInZone "2006-01-02" (toDate "2006-01-02" $day) "UTC") $day) -}}
{{- fail (printf "%s: there is no day %s" $name $day) -}}
{{- end -}}
{{- end -}}
{{- if and .startsOn .endsOn (gt .startsOn .endsOn) -}}
{{- fail (printf "endsOn: the job would end on %s, before it starts on %s" .endsOn .startsOn) -}}
{{- end -}}
{{- if and .startsOn .lastSchedulingDay (gt .startsOn .lastSchedulingDay) -}}
{{- fail (printf "startsOn: the lease takes nothing new after %s, and the job starts on %s" .lastSchedulingDay .startsOn) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The job's days for files/window.py. They stand in no pod template: a day that is moved restarts nothing. */}}
{{- define "training.days" -}}
{{- with .Values -}}
{{- dict "starts_on" .startsOn "ends_on" .endsOn "last_scheduling_day" .lastSchedulingDay "utc_offset_hours" (int .window.utcOffsetHours) | toJson -}}
{{- end -}}
{{- end -}}

{{/* Rights of a step that runs beside the job: none. */}}
{{- define "training.stepSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}
