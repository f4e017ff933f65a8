{{/* The settings of each process as YAML. `settings` of the values stand over what is derived here. */}}

{{- define "belay.bus" -}}
{{- $derived := dict "namespace" .Values.kafka.namespace -}}
{{- if .Values.kafka.ca.secret -}}
{{- $_ := set $derived "ssl_cafile" (printf "/etc/belay/kafka-ca/%s" .Values.kafka.ca.key) -}}
{{- end -}}
{{- toYaml (mergeOverwrite $derived (deepCopy .Values.kafka.settings)) -}}
{{- end -}}

{{- define "belay.wholeBus" -}}
{{- toYaml (merge (dict "bootstrap_servers" .Values.kafka.bootstrapServers) (include "belay.bus" . | fromYaml)) -}}
{{- end -}}

{{- define "belay.arm" -}}
{{- $ := index . 0 -}}
{{- $arm := index . 1 -}}
{{- $engine := index $.Values.engines $arm -}}
{{- $url := $engine.url -}}
{{- if $engine.deploy.enabled -}}
{{- $url = printf "http://%s-engine-%s:8000" (include "belay.name" $) $arm -}}
{{- end -}}
{{- $found := dict "arm" $arm "url" (required (printf "engines.%s.url is empty, and engines.%s.deploy is not enabled" $arm $arm) $url) -}}
{{- with $engine.model }}{{ $_ := set $found "model" . }}{{ end -}}
{{- if $engine.keySecret.name }}{{ $_ := set $found "key_env" (printf "ENGINE_KEY_%s" (upper $arm)) }}{{ end -}}
{{- toYaml $found -}}
{{- end -}}

{{- define "belay.routerSettings" -}}
{{- $found := dict
    "host" "0.0.0.0"
    "port" 8100
    "status_host" "0.0.0.0"
    "status_port" 8101
    "control" (include "belay.arm" (list . "control") | fromYaml)
    "candidate" (include "belay.arm" (list . "candidate") | fromYaml)
    "rollout_file" "/var/lib/belay/rollout.json"
    "spool_folder" "/var/lib/belay/spool"
    "spool_quota_bytes" .Values.router.spool.quotaBytes
    "timeouts" (dict "shutdown_s" .Values.router.drainSeconds) -}}
{{- if .Values.router.keys.secret }}{{ $_ := set $found "keys_file" (printf "/etc/belay/keys/%s" .Values.router.keys.key) }}{{ end -}}
{{- if .Values.router.wordTable.configMap }}{{ $_ := set $found "table_file" "/etc/belay/words/words.json" }}{{ end -}}
{{- toYaml (mergeOverwrite $found (deepCopy .Values.router.settings)) -}}
{{- end -}}

{{- define "belay.forwarderSettings" -}}
{{- $found := dict
    "spool_folder" "/var/lib/belay/spool"
    "rollout_file" "/var/lib/belay/rollout.json"
    "status_file" "/run/belay/forwarder.json"
    "text_policy" .Values.forwarder.textPolicy
    "metrics_host" "0.0.0.0"
    "metrics_port" 8102
    "bus" (include "belay.wholeBus" . | fromYaml) -}}
{{- toYaml (mergeOverwrite $found (deepCopy .Values.forwarder.settings)) -}}
{{- end -}}

{{- define "belay.workerSettings" -}}
{{- $worker := dict
    "brief" .Values.worker.brief.path
    "status_file" "/run/belay/worker.json"
    "table_file" "/run/belay/words.json"
    "alive_folder" "/run/belay/alive"
    "metrics_host" "0.0.0.0"
    "metrics_port" 8103 -}}
{{- toYaml (dict "bus" (include "belay.wholeBus" . | fromYaml) "worker" (mergeOverwrite $worker (deepCopy .Values.worker.settings))) -}}
{{- end -}}

{{- define "belay.controlSettings" -}}
{{- $found := dict
    "host" "0.0.0.0"
    "port" 8090
    "rollout_file" "/var/lib/belay/rollout.json"
    "folder" "/var/lib/belay/run"
    "metrics_host" "0.0.0.0"
    "metrics_port" 8104
    "bootstrap_servers" .Values.kafka.bootstrapServers
    "kafka" (include "belay.bus" . | fromYaml) -}}
{{- if .Values.control.models.existingClaim }}{{ $_ := set $found "models_folder" "/var/lib/belay-models" }}{{ end -}}
{{- if .Values.control.tokens.secret }}{{ $_ := set $found "access" (dict "tokens" (printf "/etc/belay/access/%s" .Values.control.tokens.key)) }}{{ end -}}
{{- $found = mergeOverwrite $found (deepCopy .Values.control.settings) -}}
{{- if not $found.access }}{{ fail "control.tokens.secret is empty, and control.settings.access says nothing of who may act" }}{{ end -}}
{{- toYaml $found -}}
{{- end -}}

{{/* What `belay topics` reads of a belay.yaml: broker and namespace. Route and base are asked for and not used. */}}
{{- define "belay.topicSettings" -}}
{{- toYaml (dict
    "route" .Release.Name
    "base" "base"
    "brief" .Values.worker.brief.path
    "broker" .Values.kafka.bootstrapServers
    "kafka" (include "belay.bus" . | fromYaml)) -}}
{{- end -}}

{{/* The scorers' consumer group: under the namespace `belay` it has the name it always had. */}}
{{- define "belay.scorerGroup" -}}
{{- if eq .Values.kafka.namespace "belay" }}belay-scorer{{ else }}{{ .Values.kafka.namespace }}.belay-scorer{{ end -}}
{{- end -}}
