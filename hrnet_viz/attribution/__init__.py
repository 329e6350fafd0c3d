"""Which places speak for a target: class activation maps, and tests of whether they tell the truth."""

from hrnet_viz.doors import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
