"""Photos in, pictures and tensors out; the licence-clear samples and the synthetic teaching scenes."""

from hrnet_viz.doors import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
