{{/* The DaemonSet of a vendor's component. Arguments: root, name (vendor), vendor, component, settings (its values), path. */}}
{{- define "accelerator-platform.operand" -}}
{{- $names := dict "root" .root "vendor" .name "component" .component -}}
{{- $own := .settings -}}
{{- $port := .settings.port | default .settings.healthPort -}}
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: {{ include "accelerator-platform.operandName" $names | quote }}
  namespace: {{ .root.Release.Namespace | quote }}
  labels:
    {{- include "accelerator-platform.operandLabels" $names | nindent 4 }}
    {{- with $own.version }}
    app.kubernetes.io/version: {{ . | quote }}
    {{- end }}
spec:
  selector:
    matchLabels:
      {{- include "accelerator-platform.operandSelector" $names | nindent 6 }}
  updateStrategy:
    {{- toYaml .root.Values.updateStrategy | nindent 4 }}
  template:
    metadata:
      labels:
        {{- include "accelerator-platform.operandSelector" $names | nindent 8 }}
        {{- range $key, $value := mergeOverwrite (dict) (deepCopy .root.Values.podLabels) (deepCopy ($own.podLabels | default dict)) }}
        {{ $key | quote }}: {{ $value | quote }}
        {{- end }}
      annotations:
        kubectl.kubernetes.io/default-container: {{ .component | quote }}
        {{- if eq .component "exporter" }}
        prometheus.io/scrape: "true"
        prometheus.io/port: {{ $own.port | quote }}
        prometheus.io/path: {{ $own.path | default "/metrics" | quote }}
        {{- end }}
        {{- with $own.resourceNames }}
        causeway/resources: {{ join "," . | quote }}
        {{- end }}
        {{- with $own.configFiles }}
        checksum/config: {{ toJson . | sha256sum }}
        {{- end }}
        {{- range $key, $value := mergeOverwrite (dict) (deepCopy .root.Values.podAnnotations) (deepCopy ($own.podAnnotations | default dict)) }}
        {{ $key | quote }}: {{ $value | quote }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "accelerator-platform.operandName" $names | quote }}
      automountServiceAccountToken: {{ not (empty $own.clusterRules) }}
      priorityClassName: {{ .root.Values.operandsPriorityClass | quote }}
      {{- if $own.useRuntimeClass }}
      {{- with .vendor.runtimeClass }}
      runtimeClassName: {{ . | quote }}
      {{- end }}
      {{- end }}
      {{- with .root.Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if $own.hostPID }}
      hostPID: true
      {{- end }}
      {{- if $own.hostIPC }}
      hostIPC: true
      {{- end }}
      securityContext:
        seccompProfile: {type: RuntimeDefault}
      {{- with mergeOverwrite (deepCopy (.vendor.nodeSelector | default dict)) (deepCopy .root.Values.operandsSelector) }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with include "accelerator-platform.affinity" (dict "vendor" .vendor "name" .name) }}
      affinity:
        {{- . | nindent 8 }}
      {{- end }}
      {{- $tolerations := .vendor.tolerations | default list }}
      {{- with (.vendor.devicePlugin | default dict).taint }}
      {{- $tolerations = prepend $tolerations (dict "key" . "operator" "Exists") }}
      {{- end }}
      {{- with $tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if $own.prepare }}
      initContainers:
        - name: prepare
          image: {{ include "accelerator-platform.image" (dict "root" .root "component" $own "path" .path) | quote }}
          imagePullPolicy: {{ .root.Values.imagePullPolicy | quote }}
          command: [sh, -ec]
          args:
            - |
              {{- join "\n" $own.prepare | nindent 14 }}
          # Root: the folders are the host's and have to be root's.
          securityContext:
            runAsUser: 0
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL], add: [CHOWN, DAC_OVERRIDE, FOWNER]}
          resources:
            requests: {cpu: 10m, memory: 16Mi}
            limits: {memory: 64Mi}
          volumeMounts:
            {{- include "accelerator-platform.mounts" $own | trim | nindent 12 }}
      {{- end }}
      containers:
        - name: {{ .component | quote }}
          image: {{ include "accelerator-platform.image" (dict "root" .root "component" $own "path" .path) | quote }}
          imagePullPolicy: {{ .root.Values.imagePullPolicy | quote }}
          {{- with $own.command }}
          command:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with concat ($own.args | default list) ($own.extraArgs | default list) }}
          args:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- if or $own.env $own.nodeNameEnv $own.hostIpEnv }}
          env:
            {{- range $key, $value := $own.env }}
            - {name: {{ $key | quote }}, value: {{ $value | quote }}}
            {{- end }}
            {{- with $own.nodeNameEnv }}
            - {name: {{ . | quote }}, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
            {{- end }}
            {{- with $own.hostIpEnv }}
            - {name: {{ . | quote }}, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
            {{- end }}
          {{- end }}
          {{- if $port }}
          ports:
            - {name: {{ ternary "metrics" "health" (eq .component "exporter") }}, containerPort: {{ int $port }}}
          {{- end }}
          {{- if and $port $own.healthPath }}
          readinessProbe:
            httpGet: {path: {{ $own.healthPath | quote }}, port: {{ int $port }}}
            periodSeconds: 10
          livenessProbe:
            httpGet: {path: {{ $own.healthPath | quote }}, port: {{ int $port }}}
            initialDelaySeconds: 60
            periodSeconds: 30
            failureThreshold: 6
          {{- end }}
          {{- with $own.securityContext }}
          securityContext:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with $own.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with include "accelerator-platform.mounts" $own }}
          volumeMounts:
            {{- . | trim | nindent 12 }}
          {{- end }}
      {{- if or $own.hostPaths $own.emptyDirs $own.configFiles }}
      volumes:
        {{- range $own.hostPaths }}
        - name: {{ .name | quote }}
          hostPath:
            path: {{ .path | quote }}
            {{- with .type }}
            type: {{ . | quote }}
            {{- end }}
        {{- end }}
        {{- range $index, $_ := $own.emptyDirs }}
        - {name: empty-{{ $index }}, emptyDir: {sizeLimit: 64Mi}}
        {{- end }}
        {{- if $own.configFiles }}
        - {name: config, configMap: {name: {{ include "accelerator-platform.operandName" $names | quote }}}}
        {{- end }}
      {{- end }}
{{- end -}}

{{/* Where a component's volumes are mounted. Argument: its values. */}}
{{- define "accelerator-platform.mounts" -}}
{{- range .hostPaths }}
- {name: {{ .name | quote }}, mountPath: {{ .mountPath | default .path | quote }}{{ if .readOnly }}, readOnly: true{{ end }}}
{{- end }}
{{- range $index, $path := .emptyDirs }}
- {name: empty-{{ $index }}, mountPath: {{ $path | quote }}}
{{- end }}
{{- if .configFiles }}
- {name: config, mountPath: {{ .configPath | default "/etc/causeway" | quote }}, readOnly: true}
{{- end }}
{{- end -}}
