"""Processes that the graph starts, and how they end with it."""
