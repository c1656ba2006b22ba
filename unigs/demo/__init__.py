"""A web page on which people try a model: one tab a task (Figure 9 of the paper)."""
