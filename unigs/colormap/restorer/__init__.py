"""A small network that undoes what autoencoders and noise do to a colormap.

Nothing is imported here: the network needs torch, which the other decoders do without.
"""
