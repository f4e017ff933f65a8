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

{{/* An arm of the default route: where its engine answers, or engines. */}}
{{- define "belay.arm" -}}
{{- $ := index . 0 -}}
{{- $arm := index . 1 -}}
{{- $engine := index $.Values.engines $arm -}}
{{- $where := pick $engine "url" "urls" -}}
{{- if $engine.deploy.enabled -}}
{{- if $engine.urls }}{{ fail (printf "engines.%s.urls are given, and engines.%s.deploy is enabled: which of them is the arm?" $arm $arm) }}{{ end -}}
{{- $where = dict "url" (printf "http://%s-engine-%s:8000" (include "belay.name" $) $arm) -}}
{{- end -}}
{{- if not (or $where.url $where.urls) }}{{ fail (printf "engines.%s.url is empty, and engines.%s.deploy is not enabled" $arm $arm) }}{{ end -}}
{{- include "belay.endpoint" (list $arm (merge (dict "url" $where.url) $engine) (printf "ENGINE_KEY_%s" (upper $arm))) -}}
{{- end -}}

{{/* (list ARM ENGINE VARIABLE): an arm as the router's settings have it; the variable holds the engine's key. */}}
{{- define "belay.endpoint" -}}
{{- $engine := index . 1 -}}
{{- $found := dict "arm" (index . 0) -}}
{{- if $engine.urls }}{{ $_ := set $found "urls" $engine.urls }}{{ else }}{{ $_ := set $found "url" $engine.url }}{{ end -}}
{{- with $engine.model }}{{ $_ := set $found "model" . }}{{ end -}}
{{- with $engine.answersAs }}{{ $_ := set $found "answers_as" . }}{{ end -}}
{{- if ($engine.keySecret | default dict).name }}{{ $_ := set $found "key_env" (index . 2) }}{{ end -}}
{{- toYaml $found -}}
{{- end -}}

{{/* Where `engines` says nothing of either arm, and there are routes, no route takes what names none of them. */}}
{{- define "belay.hasDefault" -}}
{{- $said := not .Values.routes -}}
{{- range $engine := pick .Values.engines "control" "candidate" -}}
{{- if or $engine.url $engine.urls $engine.deploy.enabled }}{{ $said = true }}{{ end -}}
{{- end -}}
{{- if $said }}yes{{ end -}}
{{- end -}}

{{- define "belay.routes" -}}
{{- $found := dict -}}
{{- $number := 0 -}}
{{- range $name, $route := .Values.routes -}}
{{- $arms := dict -}}
{{- range $arm := list "control" "candidate" -}}
{{- $_ := set $arms $arm (include "belay.endpoint" (list $arm (index $route $arm) (printf "ENGINE_KEY_%d_%s" $number (upper $arm))) | fromYaml) -}}
{{- end -}}
{{- $_ := set $found $name $arms -}}
{{- $number = add1 $number -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}

{{/* The arms of every route, as control asks them who they are. */}}
{{- define "belay.allArms" -}}
{{- $found := include "belay.routes" . | fromYaml -}}
{{- if include "belay.hasDefault" . -}}
{{- $arms := dict -}}
{{- range $arm := list "control" "candidate" }}{{ $_ := set $arms $arm (include "belay.arm" (list $ $arm) | fromYaml) }}{{ end -}}
{{- $_ := set $found "default" $arms -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}

{{/* The brief that control drafts by, path and volume: its own or the worker's. Nothing where it has no home to draft
     from, which is a claim of models that says where in it they lie. */}}
{{- define "belay.controlBrief" -}}
{{- $control := .Values.control -}}
{{- $home := and $control.models.existingClaim $control.models.folder -}}
{{- if and $control.brief.path (not $home) }}{{ fail "control.brief.path is given, and control.models.existingClaim and control.models.folder say of no home to draft from" }}{{ end -}}
{{- if $home }}{{ toYaml (ternary $control.brief .Values.worker.brief (ne $control.brief.path "")) }}{{ end -}}
{{- end -}}

{{/* Certificate and key of a server of ours, out of its Secret. */}}
{{- define "belay.tlsSettings" -}}
{{- $found := dict -}}
{{- if .secret -}}
{{- $_ := set $found "tls_cert" (printf "/etc/belay/tls/%s" .cert) -}}
{{- $_ := set $found "tls_key" (printf "/etc/belay/tls/%s" .key) -}}
{{- with .clientCa }}{{ $_ := set $found "tls_client_ca" (printf "/etc/belay/tls/%s" .) }}{{ end -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}

{{- define "belay.routerSettings" -}}
{{- $found := dict
    "host" "0.0.0.0"
    "port" 8100
    "status_host" "0.0.0.0"
    "status_port" 8101
    "rollout_file" "/var/lib/belay/rollout.json"
    "table_file" "/var/lib/belay/words.json"
    "spool_folder" "/var/lib/belay/spool"
    "spool_quota_bytes" .Values.router.spool.quotaBytes
    "timeouts" (dict "shutdown_s" .Values.router.drainSeconds) -}}
{{- if .Values.router.keys.secret }}{{ $_ := set $found "keys_file" (printf "/etc/belay/keys/%s" .Values.router.keys.key) }}{{ end -}}
{{- if include "belay.hasDefault" . -}}
{{- range $arm := list "control" "candidate" }}{{ $_ := set $found $arm (include "belay.arm" (list $ $arm) | fromYaml) }}{{ end -}}
{{- end -}}
{{- if .Values.routes }}{{ $_ := set $found "routes" (include "belay.routes" . | fromYaml) }}{{ end -}}
{{- $found = merge $found (include "belay.tlsSettings" .Values.router.tls | fromYaml) -}}
{{- toYaml (mergeOverwrite $found (deepCopy .Values.router.settings)) -}}
{{- end -}}

{{- define "belay.forwarderSettings" -}}
{{- $found := dict
    "spool_folder" "/var/lib/belay/spool"
    "rollout_file" "/var/lib/belay/rollout.json"
    "table_file" "/var/lib/belay/words.json"
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
{{- with .Values.control.models -}}
{{- if .existingClaim -}}
{{- $_ := set $found "models_folder" (printf "/var/lib/belay-models%s" (ternary (printf "/%s" .folder) "" (ne .folder ""))) -}}
{{- if $.Values.control.askArms }}{{ $_ := set $found "arms" (include "belay.allArms" $ | fromYaml) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- with include "belay.controlBrief" . | fromYaml }}{{ $_ := set $found "brief" .path }}{{ end -}}
{{- if .Values.control.tokens.secret }}{{ $_ := set $found "access" (dict "tokens" (printf "/etc/belay/access/%s" .Values.control.tokens.key)) }}{{ end -}}
{{- $found = merge $found (include "belay.tlsSettings" .Values.control.tls | fromYaml) -}}
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
