"""The slow decoder: a small network undoes what autoencoders and noise do to a colormap.

Nothing is imported here: the network needs torch, which the other decoders do without.
"""
