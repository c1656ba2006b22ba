"""What annotation files hold, in the forms in which tools write it: names, ids, flags, text."""
