"""Records that cannot be reached: a server that refuses a user or does not answer, and what waits
until it does."""
