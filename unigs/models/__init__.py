"""The networks of UniGS: denoising UNet, autoencoders and text encoder.

Nothing is imported here, so that a caller pays only for the part it needs.
"""
