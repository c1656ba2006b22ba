"""What the assets reach for: the store, the tracking server, the launcher, the evaluators."""
