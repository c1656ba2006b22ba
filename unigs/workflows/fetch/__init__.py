"""Weights and data sets from where they are published, with resume, checksum and licence."""
