"""The heavy work of assets, as a launcher runs it: an order as JSON in, files out."""
