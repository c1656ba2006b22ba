"""The scenes index: one parquet row an image."""
