"""Grafana: runs as annotations of dashboards."""
