"""Traces of what happened, made from the records of it, outside of any request; off unless OTEL_* variables ask.

Every id follows from an interaction's own, so that each process names the spans of the others without asking: router,
forwarder, worker and control each tell their part of one trace. Only `otel` imports OpenTelemetry, and only where it
is asked for. Texts of users and of models are on no span.
"""
