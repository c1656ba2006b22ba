"""Files, images, run lengths, kernels and processes, for all other packages."""
