"""Dagster resources: the store, MLflow tracking, the process launcher, the evaluators."""
