"""Inference: one diffusers pipeline for the four tasks."""

from unigs.pipeline.pipeline import UniGSPipeline

__all__ = ["UniGSPipeline"]
