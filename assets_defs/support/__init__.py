"""What the assets stand on: folders, their records and cache, code versions, partitions."""
