"""Statuses of the rows of a scenes index: used, unusable, left out on request."""

OK, QUARANTINED, FORGOTTEN = "ok", "quarantined", "forgotten"
