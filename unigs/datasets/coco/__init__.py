"""Readers of COCO's JSON layouts: panoptic, instances, EntitySeg."""
