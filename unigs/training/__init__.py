"""One training loop for the single-task models and the joint model."""
