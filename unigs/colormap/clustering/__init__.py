"""Decoders that cluster colours: the paper's progressive dichotomy Phi, and plain k-means."""
