"""Commands that operate a store: its champion, lineage, what must be forgotten."""
