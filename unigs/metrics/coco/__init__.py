"""Files in COCO's formats: read, checked record by record, numbered anew."""
