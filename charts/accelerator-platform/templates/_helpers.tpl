{{/* Names and labels. */}}
{{- define "accelerator-platform.name" -}}
{{- .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "accelerator-platform.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "accelerator-platform.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
app.kubernetes.io/name: {{ include "accelerator-platform.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/part-of: causeway
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- end -}}

{{/* Name of a vendor's component. Arguments: root, vendor, component. */}}
{{- define "accelerator-platform.operandName" -}}
{{- printf "%s-%s-%s" (include "accelerator-platform.fullname" .root) .vendor .component | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* What a component's pods are selected by. Arguments: root, vendor, component. */}}
{{- define "accelerator-platform.operandSelector" -}}
app.kubernetes.io/name: {{ include "accelerator-platform.name" .root | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component | quote }}
causeway/vendor: {{ .vendor | quote }}
{{- end -}}

{{/* Labels of a component's own objects. Arguments: root, vendor, component. */}}
{{- define "accelerator-platform.operandLabels" -}}
{{ include "accelerator-platform.labels" .root }}
app.kubernetes.io/component: {{ .component | quote }}
causeway/vendor: {{ .vendor | quote }}
{{- end -}}

{{/* The vendors that are on, each over its profile, as YAML. Refuses what cannot work on any node. */}}
{{- define "accelerator-platform.vendors" -}}
{{- $vendors := dict -}}
{{- $owners := dict -}}
{{- range $name, $own := .Values.vendors -}}
{{- $profile := get $.Values.profiles ($own.profile | default $name) | default $.Values.profiles.default -}}
{{- if and $own.profile (not (hasKey $.Values.profiles $own.profile)) -}}
{{- fail (printf "vendors.%s.profile: there is no profile %s; there are %s" $name $own.profile (keys $.Values.profiles | sortAlpha | join ", ")) -}}
{{- end -}}
{{- /* a component that only the default profile has is not there */}}
{{- $profile = deepCopy $profile -}}
{{- if not (or $own.devicePlugin (hasKey $.Values.profiles ($own.profile | default $name))) -}}
{{- $_ := unset $profile "devicePlugin" -}}
{{- end -}}
{{- $vendor := mergeOverwrite (dict "enabled" true "accelerators" list) $profile (deepCopy $own) -}}
{{- if $vendor.enabled -}}
{{- if (include "accelerator-platform.on" $vendor.devicePlugin) -}}
{{- range $index, $accelerator := $vendor.accelerators -}}
{{- $resource := $accelerator.resource | default "" -}}
{{- if not $resource -}}
{{- fail (printf "vendors.%s.accelerators.%d.resource: a device plugin needs the name of the resource that it offers" $name $index) -}}
{{- end -}}
{{- range $place := (include "accelerator-platform.places" (dict "vendor" $vendor "accelerator" $accelerator) | fromJsonArray) -}}
{{- $key := printf "%s on nodes with %s" $resource $place -}}
{{- $owner := get $owners $key -}}
{{- if and $owner (ne $owner $name) -}}
{{- fail (printf "vendors.%s.devicePlugin: %s has the device plugin of vendors.%s already, and a node bears one owner of a resource: switch one off (devicePlugin.enabled: false)" $name $key $owner) -}}
{{- end -}}
{{- $_ := set $owners $key $name -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $_ := set $vendors $name $vendor -}}
{{- end -}}
{{- end -}}
{{- toYaml $vendors -}}
{{- end -}}

{{/* "true" for a component that is there and not switched off. */}}
{{- define "accelerator-platform.on" -}}
{{- if . -}}{{- if not (eq (toString .enabled) "false") -}}true{{- end -}}{{- end -}}
{{- end -}}

{{/* Where an accelerator is, as a list of label=value: its pool, or its PCI devices. Arguments: vendor, accelerator. */}}
{{- define "accelerator-platform.places" -}}
{{- $places := list -}}
{{- if .accelerator.pool -}}
{{- $places = append $places (printf "causeway/pool=%s" .accelerator.pool) -}}
{{- else if .vendor.pciVendor -}}
{{- range .accelerator.pciDevices -}}
{{- $places = append $places (printf "feature.node.kubernetes.io/pci-%s_%s.present=true" $.vendor.pciVendor .) -}}
{{- end -}}
{{- end -}}
{{- toJson $places -}}
{{- end -}}

{{/* Node affinity: any of the vendor's pools, or any node with one of its PCI devices. Arguments: vendor, name. */}}
{{- define "accelerator-platform.affinity" -}}
{{- $terms := list -}}
{{- $pools := list -}}
{{- range .vendor.accelerators -}}
{{- range (include "accelerator-platform.places" (dict "vendor" $.vendor "accelerator" .) | fromJsonArray) -}}
{{- $place := splitn "=" 2 . -}}
{{- if eq $place._0 "causeway/pool" -}}
{{- $pools = append $pools $place._1 -}}
{{- else -}}
{{- $terms = append $terms (dict "matchExpressions" (list (dict "key" $place._0 "operator" "In" "values" (list $place._1)))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $pools -}}
{{- $expression := dict "key" "causeway/pool" "operator" "In" "values" ($pools | uniq | sortAlpha) -}}
{{- $terms = prepend $terms (dict "matchExpressions" (list $expression)) -}}
{{- end -}}
{{- if and (not $terms) (not .vendor.nodeSelector) -}}
{{- fail (printf "vendors.%s.accelerators: name each accelerator's pool or its pciDevices, or set vendors.%s.nodeSelector: without them the device plugin would run on every node" .name .name) -}}
{{- end -}}
{{- if $terms -}}
nodeAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    nodeSelectorTerms:
      {{- toYaml ($terms | uniq) | nindent 6 }}
{{- end -}}
{{- end -}}

{{/* A component's image. Arguments: root, component (its values), path (where the values stand). */}}
{{- define "accelerator-platform.image" -}}
{{- $image := .component.image | default "" -}}
{{- if not $image -}}
{{- fail (printf "%s.image: no image is known; set it, or switch this component off (%s.enabled: false)" .path .path) -}}
{{- end -}}
{{- $parts := splitList "/" $image -}}
{{- $named := or (contains "." (first $parts)) (contains ":" (first $parts)) (eq (first $parts) "localhost") -}}
{{- if not (or (contains ":" (last $parts)) (contains "@" $image)) -}}
{{- if .component.digest -}}
{{- $image = printf "%s@%s" $image .component.digest -}}
{{- else if .component.version -}}
{{- $image = printf "%s:%s" $image (.component.tag | default "{version}" | replace "{version}" (toString .component.version)) -}}
{{- else -}}
{{- fail (printf "%s.version: %s names neither tag nor digest, and no version is known" .path $image) -}}
{{- end -}}
{{- end -}}
{{- $registry := .root.Values.imageRegistry | default .component.registry -}}
{{- if or (not $registry) (and (gt (len $parts) 1) $named) -}}
{{- $image -}}
{{- else -}}
{{- printf "%s/%s" $registry $image -}}
{{- end -}}
{{- end -}}
