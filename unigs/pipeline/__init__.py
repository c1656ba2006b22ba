"""Inference: one diffusers pipeline for the four tasks."""

from unigs.pipeline.output import EntityPrediction, UniGSOutput
from unigs.pipeline.pipeline import UniGSPipeline

__all__ = ["EntityPrediction", "UniGSOutput", "UniGSPipeline"]
