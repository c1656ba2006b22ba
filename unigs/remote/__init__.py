"""Files at addresses of buckets: what is there, and copies of it on this machine."""
