"""MLflow: runs and metrics, registered models, the model that is served."""
