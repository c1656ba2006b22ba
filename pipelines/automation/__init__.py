"""What starts runs by itself: sensors, schedules and what they watch."""
