"""Files, images, run lengths, kernels and processes: what every room reads and writes with."""
