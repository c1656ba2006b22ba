"""Open Images: object masks as PNG files, listed in CSV files."""
