"""Lineage: what every output of a store was made from, and what was made from it."""
