"""What an asset reports: counts, digests, links and pictures."""
