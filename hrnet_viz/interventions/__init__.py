"""What happens if a tensor is changed: edits, ablation, sweeps, pairs, and what the gradient foretells."""

from hrnet_viz.doors import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
