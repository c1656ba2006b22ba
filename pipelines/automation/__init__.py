"""Automation: sensors, schedules and what they watch."""
