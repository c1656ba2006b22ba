"""Two models on the same samples, side by side in one self-contained HTML page."""
