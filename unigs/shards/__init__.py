"""Samples as webdataset tars: built, read, verified and mirrored."""
