"""Support code of the assets: folders, records and cache, code versions, partitions."""
