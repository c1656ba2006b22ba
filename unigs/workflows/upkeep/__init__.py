"""Upkeep of a store: what can go, and copies of it as one file."""
