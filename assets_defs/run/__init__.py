"""What an asset knows of its run: keys, partitions, folders, weights, and what each step does."""
