"""Readers of annotated data sets: every format becomes scenes; bad records are quarantined."""

from unigs.datasets.catalog import DATASETS, open_dataset
from unigs.datasets.dataset import Category, Dataset, Record

__all__ = ["DATASETS", "Category", "Dataset", "Record", "open_dataset"]
