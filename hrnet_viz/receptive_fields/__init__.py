"""How much of the photo a cell sees: what is possible (theory), and what counts (gradients)."""

from hrnet_viz.doors import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
