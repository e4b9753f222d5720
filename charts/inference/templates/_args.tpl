{{/* The engine's command line, as a JSON list. */}}
{{- define "inference.command" -}}
{{- if .Values.engine.command -}}{{ toJson .Values.engine.command }}
{{- else if include "inference.isVllm" . -}}{{ list "vllm" "serve" | toJson }}
{{- else -}}{{ fail (printf "engine.command: this chart knows no command line of the engine %s; give engine.command and engine.args" .Values.engine.name) }}
{{- end -}}
{{- end -}}

{{- define "inference.args" -}}
{{- $args := .Values.engine.args | default list -}}
{{- if and (include "inference.isVllm" .) (not .Values.engine.command) -}}
{{- $dtype := get (dict "bf16" "bfloat16" "fp16" "float16" "fp32" "float32") (.Values.model.precision | default "") -}}
{{- $args = list (include "inference.modelPath" .) -}}
{{- if eq .Values.engine.name "vllm-omni" -}}{{- $args = append $args "--omni" -}}{{- end -}}
{{- if .Values.model.name -}}{{- $args = append $args (printf "--served-model-name=%s" .Values.model.name) -}}{{- end -}}
{{- $args = concat $args (list "--host=0.0.0.0" (printf "--port=%d" (int .Values.engine.port))) -}}
{{- with .Values.accelerator.count -}}{{- $args = append $args (printf "--tensor-parallel-size=%d" (int .)) -}}{{- end -}}
{{- with $dtype -}}{{- $args = append $args (printf "--dtype=%s" .) -}}{{- end -}}
{{- $args = concat $args (.Values.engine.args | default list) -}}
{{- end -}}
{{- concat $args .Values.extraArgs | toJson -}}
{{- end -}}
