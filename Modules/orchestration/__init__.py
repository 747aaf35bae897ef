"""Prefect lives here: flow runs, deployments, alerts, the server."""
