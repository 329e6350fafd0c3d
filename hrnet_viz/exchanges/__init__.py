"""What the streams tell one another: shares and contributions of every fuse path, and their pictures."""

from hrnet_viz.doors import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
