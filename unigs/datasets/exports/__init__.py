"""What annotation tools export, as they leave it: COCO files of several tools, LabelMe's own."""
