"""Metrics of a pipeline on a folder of shards, with baselines and upper bounds."""
