"""The connection to MLflow: servers that refuse a user or do not answer, and entries that wait
until they do."""
