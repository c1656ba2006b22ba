"""Metrics: functions over NumPy arrays, and torchmetrics classes that gather what they need."""
