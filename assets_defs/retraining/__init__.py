"""Training again: where it begins, whose turn it is, how its data differs from the champion's."""
