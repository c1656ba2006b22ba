"""What the commands and the demo call."""
