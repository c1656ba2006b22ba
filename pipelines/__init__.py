"""The code location: definitions, jobs, sensors, schedules, and the commands that start them."""
