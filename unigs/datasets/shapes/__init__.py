"""The generated data set, in COCO panoptic format."""
