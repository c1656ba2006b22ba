"""Metrics of the colormap codec alone, and through an autoencoder."""
