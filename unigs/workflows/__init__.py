"""Workflows that the commands, the graph and the demo call."""
