"""OpenTelemetry: runs as traces, sent by OTLP over HTTP."""
