"""What is in the tensors: statistics by site, maps of channels and branches, their life along the depth."""

from hrnet_viz.doors import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
