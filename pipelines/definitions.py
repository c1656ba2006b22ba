"""The code location, as ``workspace.yaml`` names it."""

from pipelines.build import build_defs

defs = build_defs()
