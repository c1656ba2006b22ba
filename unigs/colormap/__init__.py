"""The codec between entity masks and colormaps: Psi and Phi of the paper's section 3.2."""

from unigs.colormap.decoded import Decoded
from unigs.colormap.decoders import DECODERS, DEFAULT_DECODER, decode, decode_batch
from unigs.colormap.palette import Palette, Placement

__all__ = [
    "DECODERS",
    "DEFAULT_DECODER",
    "Decoded",
    "Palette",
    "Placement",
    "decode",
    "decode_batch",
]
