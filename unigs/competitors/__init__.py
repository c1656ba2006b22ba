"""Other models, evaluated on our samples and by our metrics."""
