"""Bootstrap over images: intervals of metrics, and whether two models differ."""
