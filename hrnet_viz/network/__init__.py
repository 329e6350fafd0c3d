"""HRNet as published: read variants, blocks, exchange, net, then plan."""

from hrnet_viz.network.net import HRNet, hrnet
from hrnet_viz.network.variants import VARIANTS, Variant

__all__ = ["VARIANTS", "HRNet", "Variant", "hrnet"]
