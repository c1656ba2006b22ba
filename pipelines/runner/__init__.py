"""Start, follow and report one run from the command line."""
