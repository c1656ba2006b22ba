"""One run from the command line: start it, follow it, show it."""
