{{/* Envoy's configuration. Its parts are named as in Envoy's own reference. */}}
{{- define "gateway.envoy" -}}
node: {id: {{ include "gateway.fullname" . | quote }}, cluster: {{ include "gateway.workload" . | quote }}}
admin:
  address: {socket_address: {address: 127.0.0.1, port_value: 9901}}
layered_runtime:
  layers:
    # the files of the ConfigMap NAME-shift: a file weight.BACKEND takes the place of that backend's weight, at once
    - name: shift
      disk_layer: {symlink_root: /etc/envoy/shift/..data}
static_resources:
  listeners:
    - name: http
      address: {socket_address: {address: 0.0.0.0, port_value: 8080}}
      per_connection_buffer_limit_bytes: 1048576
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: http
                normalize_path: true
                merge_slashes: true
                stream_idle_timeout: {{ int .Values.streamIdleTimeoutSeconds }}s
                {{- if .Values.upstream.baseUrl }}
                skip_xff_append: true
                {{- end }}
                access_log:
                  - name: envoy.access_loggers.stdout
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
                route_config:
                  name: workload
                  {{- include (ternary "gateway.upstreamRoutes" "gateway.backendRoutes" (not (empty .Values.upstream.baseUrl))) . | nindent 18 }}
                http_filters:
                  {{- if .Values.upstream.baseUrl }}
                  - name: envoy.filters.http.credential_injector
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector
                      overwrite: true
                      credential:
                        name: envoy.http.injected_credentials.generic
                        typed_config:
                          "@type": type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic
                          credential:
                            name: upstream-key
                            # read again when the Secret's files are replaced
                            sds_config:
                              path_config_source:
                                path: /etc/envoy/config/upstream-key.yaml
                                watched_directory: {path: /etc/envoy/key}
                          header_value_prefix: "Bearer "
                  {{- else if eq .Values.api "video" }}
                  # the replica that took a job is the one that knows it: a cookie brings its asker back
                  - name: envoy.filters.http.stateful_session
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3.StatefulSession
                      session_state:
                        name: envoy.http.stateful_session.cookie
                        typed_config:
                          "@type": type.googleapis.com/envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState
                          cookie: {name: causeway-replica, path: /v1/videos, ttl: {{ int .Values.stickySeconds }}s}
                  {{- end }}
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                      suppress_envoy_headers: true
    - name: operations
      address: {socket_address: {address: 0.0.0.0, port_value: 8081}}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: operations
                route_config:
                  virtual_hosts:
                    - name: operations
                      domains: ["*"]
                      routes:
                        - {match: {path: /ready}, route: {cluster: admin}}
                        - {match: {path: /metrics}, route: {cluster: admin, prefix_rewrite: /stats/prometheus}}
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
    - name: admin
      type: STATIC
      load_assignment:
        cluster_name: admin
        endpoints:
          - lb_endpoints:
              - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 9901}}}
    {{- include (ternary "gateway.upstreamCluster" "gateway.backendClusters" (not (empty .Values.upstream.baseUrl))) . | trim | nindent 4 }}
{{- end -}}

{{/* Where Envoy finds the upstream's key. */}}
{{- define "gateway.upstreamKey" -}}
resources:
  - "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
    name: upstream-key
    generic_secret:
      secret: {filename: {{ printf "/etc/envoy/key/%s" .Values.upstream.existingSecret.key | quote }}}
{{- end -}}

{{/* Traffic by weight; what a dead backend should get goes on to the others. */}}
{{- define "gateway.backendRoutes" -}}
virtual_hosts:
  - name: workload
    domains: ["*"]
    routes:
      {{- if eq .Values.api "video" }}
      - match: {prefix: /v1/videos/}
        route:
          cluster: jobs
          timeout: 0s
      {{- end }}
      - match: {prefix: /}
        route:
          timeout: 0s
          # again only what no engine has begun on, and elsewhere: at the next backend, not at the one that failed
          retry_policy:
            retry_on: connect-failure,refused-stream,reset-before-request,retriable-status-codes
            retriable_status_codes: [503]
            num_retries: {{ int .Values.retries }}
            host_selection_retry_max_attempts: 3
            retry_host_predicate:
              - name: envoy.retry_host_predicates.previous_hosts
                typed_config: {"@type": type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}
            {{- if gt (len .Values.backends) 1 }}
            retry_priority:
              name: envoy.retry_priorities.previous_priorities
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig
                update_frequency: 1
            {{- end }}
          weighted_clusters:
            runtime_key_prefix: weight
            clusters:
              {{- range .Values.backends }}
              - name: {{ include "gateway.backendName" . | quote }}
                weight: {{ .weight }}
              {{- end }}
{{- end -}}

{{/* For each backend its own replicas, and the order in which others stand in for it: by weight. */}}
{{- define "gateway.backendClusters" -}}
{{- $root := . -}}
{{- $several := gt (len .Values.backends) 1 -}}
{{- range $backend := .Values.backends }}
{{- $name := include "gateway.backendName" $backend }}
- name: {{ ternary (printf "own.%s" $name) $name $several | quote }}
  {{- include "gateway.backendCluster" (list $root (list $backend)) | nindent 2 }}
{{- if $several }}
- name: {{ $name | quote }}
  connect_timeout: {{ int $root.Values.connectTimeoutSeconds }}s
  lb_policy: CLUSTER_PROVIDED
  cluster_type:
    name: envoy.clusters.aggregate
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig
      clusters: {{- include "gateway.standIns" (list $root $name) | fromJsonArray | toYaml | nindent 8 }}
{{- end }}
{{- end }}
{{- if eq .Values.api "video" }}
- name: jobs
  {{- include "gateway.backendCluster" (list $root .Values.backends) | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A backend, then the others, those with more weight first, as a JSON list. Takes (list root name). */}}
{{- define "gateway.standIns" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $keys := list -}}
{{- range $i, $backend := $root.Values.backends -}}
{{- $keys = append $keys (printf "%03d.%05d.%s" (sub 100 $backend.weight) $i (include "gateway.backendName" $backend)) -}}
{{- end -}}
{{- $order := list (printf "own.%s" $name) -}}
{{- range sortAlpha $keys -}}
{{- $other := regexReplaceAll "^[0-9]+\\.[0-9]+\\." . "" -}}
{{- if ne $other $name -}}{{- $order = append $order (printf "own.%s" $other) -}}{{- end -}}
{{- end -}}
{{- toJson $order -}}
{{- end -}}

{{/* Replicas of one or several backends, watched by the engine's health route. Takes (list root backends). */}}
{{- define "gateway.backendCluster" -}}
{{- $root := index . 0 -}}
{{- $backends := index . 1 -}}
{{- $values := $root.Values -}}
type: STRICT_DNS
connect_timeout: {{ int $values.connectTimeoutSeconds }}s
respect_dns_ttl: true
# a replica that is to stop leaves the Service at once and is well until its last request has ended: nothing new for it
ignore_health_on_host_removal: true
dns_lookup_family: V4_PREFERRED
lb_policy: LEAST_REQUEST
circuit_breakers:
  thresholds:
    - max_connections: {{ int $values.maxRequestsPerBackend }}
      max_pending_requests: {{ int $values.maxRequestsPerBackend }}
      max_requests: {{ int $values.maxRequestsPerBackend }}
      max_retries: 1024
health_checks:
  - interval: {{ int $values.healthCheck.intervalSeconds }}s
    no_traffic_interval: {{ int $values.healthCheck.intervalSeconds }}s
    timeout: {{ int $values.healthCheck.timeoutSeconds }}s
    unhealthy_threshold: {{ int $values.healthCheck.unhealthyThreshold }}
    healthy_threshold: {{ int $values.healthCheck.healthyThreshold }}
    http_health_check: {path: {{ (first $backends).health | default "/health" | quote }}}
outlier_detection:
  consecutive_5xx: 10
  consecutive_gateway_failure: 5
  enforcing_consecutive_gateway_failure: 100
  max_ejection_percent: 100
load_assignment:
  cluster_name: {{ ternary "jobs" (include "gateway.backendName" (first $backends)) (gt (len $backends) 1) | quote }}
  endpoints:
    {{- range $backends }}
    - lb_endpoints:
        - endpoint:
            address:
              socket_address: {address: {{ include "gateway.backendAddress" (list $root .) | quote }}, port_value: {{ include "gateway.backendPort" (list $root .) }}}
            hostname: {{ include "gateway.backendAddress" (list $root .) | quote }}
    {{- end }}
{{- $tls := 0 -}}
{{- range $backends }}{{- if or .tls (and .cluster (not .address) $values.remote.tls) }}{{- $tls = add1 $tls }}{{- end }}{{- end }}
{{- if and $tls (gt (len $backends) 1) }}
{{- fail "backends: with the API video they are one group, and none of them may speak TLS: put them behind addresses that do not" }}
{{- end }}
{{- if $tls }}
{{- include "gateway.tls" (list $root (include "gateway.backendAddress" (list $root (first $backends)))) | nindent 0 }}
{{- end }}
{{- end -}}

{{/* TLS towards a named host, whose certificate has to fit. Takes (list root host). */}}
{{- define "gateway.tls" -}}
{{- $root := index . 0 -}}
transport_socket:
  name: envoy.transport_sockets.tls
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
    sni: {{ index . 1 | quote }}
    auto_sni_san_validation: true
    common_tls_context:
      validation_context: {trusted_ca: {filename: {{ $root.Values.trustedCa | quote }}}}
{{- end -}}

{{/* Somebody else's model: only its API is passed on, with our key in place of the asker's, and nothing that tells who asks. */}}
{{- define "gateway.upstreamRoutes" -}}
{{- $upstream := include "gateway.upstream" . | fromJson -}}
virtual_hosts:
  - name: workload
    domains: ["*"]
    request_headers_to_remove: [cookie, x-forwarded-for, x-real-ip, forwarded]
    routes:
      - match: {prefix: /v1/}
        route:
          cluster: upstream
          prefix_rewrite: {{ printf "%s/" $upstream.path | quote }}
          host_rewrite_literal: {{ $upstream.authority | quote }}
          timeout: 0s
          retry_policy: {retry_on: "connect-failure,refused-stream,reset-before-request", num_retries: {{ int .Values.retries }}}
      - match: {prefix: /}
        direct_response: {status: 404, body: {inline_string: "only /v1/ is served here\n"}}
{{- end -}}

{{- define "gateway.upstreamCluster" -}}
{{- $upstream := include "gateway.upstream" . | fromJson -}}
- name: upstream
  type: LOGICAL_DNS
  connect_timeout: {{ int .Values.connectTimeoutSeconds }}s
  respect_dns_ttl: true
  dns_lookup_family: V4_PREFERRED
  circuit_breakers:
    thresholds:
      - max_connections: {{ int .Values.maxRequestsPerBackend }}
        max_pending_requests: {{ int .Values.maxRequestsPerBackend }}
        max_requests: {{ int .Values.maxRequestsPerBackend }}
  load_assignment:
    cluster_name: upstream
    endpoints:
      - lb_endpoints:
          - endpoint: {address: {socket_address: {address: {{ $upstream.host | quote }}, port_value: {{ $upstream.port }}}}}
  {{- if $upstream.tls }}
  {{- include "gateway.tls" (list . $upstream.host) | nindent 2 }}
  {{- end }}
{{- end -}}
