{{/* The Job's pod template. Arguments: root, job (the Job's name). */}}
{{- define "training.podTemplate" -}}
{{- $values := .root.Values -}}
{{- $vendor := $values.accelerator -}}
{{- $master := printf "%s-0.%s" .job (include "training.fullname" .root) -}}
{{- $table := eq (include "training.rankTable" .root) "true" -}}
{{- /* out of the host before a drain gives up; the last seconds are for the processes to end */}}
{{- $grace := max 60 (sub (int $values.drainTimeoutSeconds) 15) -}}
{{- $processes := max 1 (int ($vendor.count | default 0)) -}}
metadata:
  labels:
    {{- include "training.selectorLabels" .root | nindent 4 }}
    app.kubernetes.io/component: training
    {{- with $vendor.vendor }}
    causeway/vendor: {{ . | quote }}
    {{- end }}
    {{- with $vendor.name }}
    causeway/accelerator: {{ . | quote }}
    {{- end }}
    {{- range $key, $value := $values.podLabels }}
    {{ $key | quote }}: {{ $value | quote }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: training
    causeway/on-drain: {{ $values.onDrain | quote }}
    {{- with $values.secretDigest }}
    causeway/secret-digest: {{ . | quote }}
    {{- end }}
    {{- range $key, $value := $values.podAnnotations }}
    {{ $key | quote }}: {{ $value | quote }}
    {{- end }}
spec:
  restartPolicy: Never
  subdomain: {{ include "training.fullname" .root | quote }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ ternary $grace 60 (eq $values.onDrain "checkpoint") }}
  {{- with $vendor.runtimeClass }}
  runtimeClassName: {{ . | quote }}
  {{- end }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- with $values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  affinity:
    podAntiAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        - topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "training.selectorLabels" .root | nindent 14 }}
              app.kubernetes.io/component: training
  securityContext:
    {{- toYaml $values.podSecurityContext | nindent 4 }}
  {{- if or (include "training.hasWindow" .root) $table }}
  initContainers:
    {{- if include "training.hasWindow" .root }}
    - name: window
      image: {{ include "training.image" (list $values.imageRegistry ($values.window.image | default (include "training.jobImage" .root))) | quote }}
      imagePullPolicy: {{ $values.imagePullPolicy | quote }}
      command: [python3, /opt/training/window.py, check]
      securityContext:
        {{- include "training.stepSecurity" . | nindent 8 }}
      resources:
        requests: {cpu: 50m, memory: 64Mi}
      volumeMounts:
        - {name: files, mountPath: /opt/training, readOnly: true}
    {{- end }}
    {{- if $table }}
    - name: rank-table
      image: {{ include "training.jobImage" .root | quote }}
      imagePullPolicy: {{ $values.imagePullPolicy | quote }}
      command: [python3, /opt/training/rank_table.py]
      env:
        - {name: INDEX, valueFrom: {fieldRef: {fieldPath: "metadata.labels['batch.kubernetes.io/job-completion-index']"}}}
        - {name: HOST_ID, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
        - {name: HOSTS, value: {{ int $values.hosts | quote }}}
        - {name: DEVICES, value: {{ $processes | quote }}}
        - {name: MASTER, value: {{ $master | quote }}}
        - {name: PORT, value: {{ int $values.rankTable.port | quote }}}
        - {name: TIMEOUT, value: {{ int $values.rankTable.timeoutSeconds | quote }}}
        - {name: HCCN_CONF, value: /host/hccn.conf}
        - {name: TABLE, value: /run/training/rank-table.json}
      # Root: the driver's installer leaves hccn.conf to root alone (mode 0640).
      securityContext:
        runAsUser: 0
        runAsNonRoot: false
        {{- include "training.stepSecurity" . | nindent 8 }}
      resources:
        requests: {cpu: 50m, memory: 64Mi}
      volumeMounts:
        - {name: files, mountPath: /opt/training, readOnly: true}
        - {name: run, mountPath: /run/training}
        - {name: hccn, mountPath: /host/hccn.conf, readOnly: true}
    {{- end }}
  {{- end }}
  containers:
    - name: training
      image: {{ include "training.jobImage" .root | quote }}
      imagePullPolicy: {{ $values.imagePullPolicy | quote }}
      {{- with $values.command }}
      command:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.args }}
      args:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      env:
        - {name: NODE_RANK, valueFrom: {fieldRef: {fieldPath: "metadata.labels['batch.kubernetes.io/job-completion-index']"}}}
        - {name: NNODES, value: {{ int $values.hosts | quote }}}
        - {name: NPROC_PER_NODE, value: {{ $processes | quote }}}
        - {name: MASTER_ADDR, value: {{ $master | quote }}}
        - {name: MASTER_PORT, value: {{ int $values.rendezvous.port | quote }}}
        - {name: DIST_BACKEND, value: {{ include "training.backend" .root | quote }}}
        # torchrun takes its arguments from PET_*: `torchrun train.py` needs no others
        - {name: PET_NNODES, value: {{ int $values.hosts | quote }}}
        - {name: PET_NPROC_PER_NODE, value: {{ $processes | quote }}}
        - {name: PET_MAX_RESTARTS, value: {{ int $values.rendezvous.maxRestarts | quote }}}
        - {name: PET_RDZV_BACKEND, value: {{ include "training.rendezvousType" .root | quote }}}
        {{- if eq (include "training.rendezvousType" .root) "static" }}
        - {name: PET_NODE_RANK, value: $(NODE_RANK)}
        - {name: PET_MASTER_ADDR, value: $(MASTER_ADDR)}
        - {name: PET_MASTER_PORT, value: $(MASTER_PORT)}
        {{- else }}
        - {name: PET_RDZV_ID, value: {{ .job | quote }}}
        - {name: PET_RDZV_ENDPOINT, value: "$(MASTER_ADDR):$(MASTER_PORT)"}
        {{- end }}
        {{- if $table }}
        - {name: RANK_TABLE_FILE, value: /run/training/rank-table.json}
        - {name: HCCL_CONNECT_TIMEOUT, value: {{ int $values.rankTable.connectTimeoutSeconds | quote }}}
        {{- end }}
        {{- with $values.model.name }}
        - {name: MODEL_NAME, value: {{ . | quote }}}
        {{- end }}
        {{- with $values.model.weights }}
        - {name: MODEL_WEIGHTS_URI, value: {{ . | quote }}}
        {{- end }}
        {{- with $values.dataset.uri }}
        - {name: DATASET_URI, value: {{ . | quote }}}
        {{- end }}
        {{- with $values.checkpoint }}
        - {name: CHECKPOINT_URI, value: {{ . | quote }}}
        {{- end }}
        {{- if eq $values.onDrain "checkpoint" }}
        - {name: CHECKPOINT_REQUEST_FILE, value: /run/training/checkpoint-requested}
        - {name: CHECKPOINT_DONE_FILE, value: /run/training/checkpoint-done}
        - {name: CHECKPOINT_TIMEOUT_SECONDS, value: {{ sub $grace 15 | quote }}}
        {{- end }}
        - {name: HOME, value: /home/training}
        {{- range $key, $value := $values.env }}
        - {name: {{ $key | quote }}, value: {{ $value | quote }}}
        {{- end }}
        {{- with $values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $values.existingSecret }}
      envFrom:
        - secretRef: {name: {{ . | quote }}}
      {{- end }}
      {{- if eq $values.onDrain "checkpoint" }}
      lifecycle:
        preStop:
          exec:
            {{- with $values.checkpointing.command }}
            command:
              {{- toYaml . | nindent 14 }}
            {{- else }}
            command: [sh, /opt/training/checkpoint.sh]
            {{- end }}
      {{- end }}
      ports:
        - {name: rendezvous, containerPort: {{ int $values.rendezvous.port }}}
      securityContext:
        {{- $capabilities := dict "drop" (list "ALL") }}
        {{- if has ($values.fabric.kind | default "none") (list "infiniband" "roce") }}
        {{- /* RDMA pins the memory that it sends from, which the kernel otherwise limits */}}
        {{- $capabilities = dict "drop" (list "ALL") "add" (list "IPC_LOCK") }}
        {{- end }}
        {{- toYaml (mergeOverwrite (dict "capabilities" $capabilities) (deepCopy $values.securityContext)) | nindent 8 }}
      resources:
        {{- $accelerators := dict }}
        {{- if and $vendor.resource $vendor.count }}
        {{- $_ := set $accelerators $vendor.resource (int $vendor.count) }}
        {{- end }}
        {{- $limits := mergeOverwrite (deepCopy ($values.resources.limits | default dict)) $accelerators (deepCopy $values.extraResources) }}
        {{- with $values.resources.requests }}
        requests:
          {{- toYaml . | nindent 10 }}
        {{- end }}
        {{- with $limits }}
        limits:
          {{- toYaml . | nindent 10 }}
        {{- end }}
      volumeMounts:
        - {name: files, mountPath: /opt/training, readOnly: true}
        - {name: run, mountPath: /run/training}
        - {name: home, mountPath: /home/training}
        - {name: tmp, mountPath: /tmp}
        - {name: shm, mountPath: /dev/shm}
        {{- with $values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - {name: files, configMap: {name: {{ include "training.fullname" .root | quote }}}}
    - {name: run, emptyDir: {sizeLimit: 16Mi}}
    - {name: home, emptyDir: {}}
    - {name: tmp, emptyDir: {}}
    - {name: shm, emptyDir: {medium: Memory, sizeLimit: {{ $values.sharedMemory.sizeLimit | quote }}}}
    {{- if $table }}
    - {name: hccn, hostPath: {path: {{ $values.rankTable.hccnConf | quote }}, type: File}}
    {{- end }}
    {{- with $values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
