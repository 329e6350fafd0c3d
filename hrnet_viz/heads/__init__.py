"""From streams to answers: the incre / downsample / final classification head step by step, and its alternatives."""

from hrnet_viz.doors import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
