{{- define "belay.name" -}}
{{- default .Release.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Labels of one part: (list . "router"). What selects never changes; the version may. */}}
{{- define "belay.selector" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: belay
app.kubernetes.io/instance: {{ $.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "belay.labels" -}}
{{- $ := index . 0 -}}
{{ include "belay.selector" . }}
app.kubernetes.io/part-of: belay
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
{{- end -}}

{{- define "belay.metadata" -}}
{{- $ := index . 0 -}}
name: {{ include "belay.name" $ }}-{{ index . 1 }}
namespace: {{ $.Release.Namespace }}
labels: {{- include "belay.labels" . | nindent 2 }}
{{- end -}}

{{- define "belay.image" -}}
{{- $ := index . 0 -}}
image: {{ printf "%s-%s:%s" $.Values.image.repository (index . 1) (default $.Chart.AppVersion $.Values.image.tag) | quote }}
imagePullPolicy: {{ $.Values.image.pullPolicy }}
{{- end -}}

{{/* What every pod of ours is: nobody's root, without a token for the cluster's API, and without the variables that
     Kubernetes makes of Services, which look like our settings. */}}
{{- define "belay.pod" -}}
serviceAccountName: {{ include "belay.name" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "belay.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{- define "belay.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Variables, mounts and volumes that every process of ours has. */}}
{{- define "belay.env" -}}
- {name: BELAY_LOG, value: json}
{{- if .Values.secrets.existingSecret }}
- {name: BELAY_SECRETS_DIR, value: /etc/belay/secrets}
{{- end }}
{{- end -}}

{{- define "belay.mounts" -}}
- {name: settings, mountPath: /etc/belay/settings, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- if .Values.secrets.existingSecret }}
- {name: secrets, mountPath: /etc/belay/secrets, readOnly: true}
{{- end }}
{{- if .Values.kafka.ca.secret }}
- {name: kafka-ca, mountPath: /etc/belay/kafka-ca, readOnly: true}
{{- end }}
{{- end -}}

{{- define "belay.volumes" -}}
{{- $ := index . 0 -}}
- name: settings
  configMap: {name: {{ include "belay.name" $ }}-{{ index . 1 }}}
- name: tmp
  emptyDir: {sizeLimit: 1Gi}
{{- with $.Values.secrets.existingSecret }}
- name: secrets
  secret: {secretName: {{ . | quote }}}
{{- end }}
{{- with $.Values.kafka.ca.secret }}
- name: kafka-ca
  secret: {secretName: {{ . | quote }}}
{{- end }}
{{- end -}}

{{/* The keys of engines that have one, in variables that the settings name. */}}
{{- define "belay.engineKeys" -}}
{{- range $arm := list "control" "candidate" }}
{{- include "belay.engineKey" (list (index $.Values.engines $arm) (printf "ENGINE_KEY_%s" (upper $arm))) }}
{{- end }}
{{- $number := 0 }}
{{- range $route := .Values.routes }}
{{- range $arm := list "control" "candidate" }}
{{- include "belay.engineKey" (list (index $route $arm) (printf "ENGINE_KEY_%d_%s" $number (upper $arm))) }}
{{- end }}
{{- $number = add1 $number }}
{{- end }}
{{- end -}}

{{- define "belay.engineKey" -}}
{{- with (index . 0).keySecret }}
{{- if .name }}
- name: {{ index $ 1 }}
  valueFrom: {secretKeyRef: {name: {{ .name | quote }}, key: {{ default "api-key" .key | quote }}}}
{{- end }}
{{- end }}
{{- end -}}

{{/* How a server of ours is asked whether it is well: (list TLS PATH PORT PLAIN-PORT). One that wants certificates of
     its clients has none for the kubelet: it is asked at an address that speaks no TLS, or else whether it listens. */}}
{{- define "belay.asked" -}}
{{- $tls := index . 0 -}}
{{- $plain := index . 3 -}}
{{- if and $tls.secret $tls.clientCa }}
{{- if $plain }}
httpGet: {path: {{ index . 1 }}, port: {{ $plain }}}
{{- else }}
tcpSocket: {port: {{ index . 2 }}}
{{- end }}
{{- else if $tls.secret }}
httpGet: {path: {{ index . 1 }}, port: {{ index . 2 }}, scheme: HTTPS}
{{- else }}
httpGet: {path: {{ index . 1 }}, port: {{ index . 2 }}}
{{- end }}
{{- end -}}

{{/* A file's age as a sign of life, without starting a Python for it: (list FILE-OR-FOLDER COUNT MINUTES). */}}
{{- define "belay.young" -}}
exec:
  command:
    - sh
    - -c
    - test "$(find {{ index . 0 }} -type f -mmin -{{ index . 2 }} | wc -l)" -ge {{ index . 1 }}
{{- end -}}
