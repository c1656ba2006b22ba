"""UniGS: one diffusion model that generates images and their entity masks together.

Nothing heavy is imported here; take what you need from the submodules, for example
``from unigs.colormap import Palette, decode`` or ``from unigs.pipeline import UniGSPipeline``.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
