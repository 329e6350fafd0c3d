"""HRNet as published: read variants, blocks, exchange, net, heads, then plan."""

from hrnet_viz.network.heads import build, hrnet
from hrnet_viz.network.net import HRNet
from hrnet_viz.network.variants import TASKS, VARIANTS, Task, Variant

__all__ = ["TASKS", "VARIANTS", "HRNet", "Task", "Variant", "build", "hrnet"]
