"""What many commands share beside their options: examples in the help, --quiet and --verbose."""
