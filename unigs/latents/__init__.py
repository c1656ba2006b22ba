"""Samples as the UNet reads them, encoded once or on the fly, and their stream."""
