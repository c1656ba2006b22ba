"""Child processes of the graph, and how they end with it."""
