"""The codec between entity masks and colormaps: Psi and Phi of the paper's section 3.2."""

from unigs.colormap.palette import Palette, Placement

__all__ = ["Palette", "Placement"]
