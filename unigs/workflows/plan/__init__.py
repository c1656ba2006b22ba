"""What a run will need, told before it is paid for: data, disk, memory, steps and hours."""
