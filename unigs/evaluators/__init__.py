"""Evaluators: networks trained in the graph on the data set itself, or the paper's from disk.

Every evaluator has a ``name`` with the first eight digits of its weights' SHA-256, which becomes
part of the name of every metric it gives: two evaluators never share a metric name.
"""
