"""Metrics. Every class has ``reset() / update(...) / compute() -> dict[str, float]`` and merges."""
