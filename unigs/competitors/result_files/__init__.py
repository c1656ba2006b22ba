"""Predictions of any model in files of COCO."""
