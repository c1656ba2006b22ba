"""Presets: every choice of a run in checked records."""
