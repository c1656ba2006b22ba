"""Thin Dagster assets: each binds one stage of the library to the graph."""
