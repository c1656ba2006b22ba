"""The scenes index: one parquet row per image."""
