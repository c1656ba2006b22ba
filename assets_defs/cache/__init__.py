"""Whether an output is up to date: its record, the code it was made by, and the build if not."""
