"""Edit a net the slow way: copy it, hook the module that makes a tensor, run the whole ``forward``.

Nothing of the plan or the runner is used, so agreement with them means something.
"""

import copy
from contextlib import ExitStack, contextmanager

import torch


def locate(net, site):
    """The module of ``net`` at which a site can be caught, and whether it is what goes in ("before") or comes out."""
    if site.inner:
        return _locate_inner(net, site)
    stage, module, branch = site.stage, site.module, site.branch
    if site.kind in ("branch", "fuse_path", "fuse_sum", "fuse_out"):
        unit = getattr(net, f"stage{stage}")[module]
        return {
            "branch": lambda: (unit.branches[branch], "after"),
            "fuse_path": lambda: (unit.fuse_layers[branch][site.source], "after"),
            "fuse_sum": lambda: (unit.relus[branch], "before"),
            "fuse_out": lambda: (unit.relus[branch], "after"),
        }[site.kind]()
    if site.kind == "transition":
        return getattr(net, f"transition{stage}")[branch], "after"
    word = site.name.removeprefix("head.").rstrip("0123456789")
    return {
        "stem": lambda: (net.relu2, "after"),
        "stage": lambda: (net.layer1, "after"),
        "incre": lambda: (net.incre_modules[branch], "after"),
        "down": lambda: (net.downsamp_modules[branch], "after"),
        "sum": lambda: ((*net.downsamp_modules[1:], net.final_layer)[branch - 1], "before"),
        "final": lambda: (net.final_layer, "after"),
        "pool": lambda: (net.pool, "after"),
        "logits": lambda: (net.classifier, "after"),
    }[word]()


def _locate_inner(net, site):
    """Inner tensors of blocks; the paths' and the stem's are caught by their published names."""
    if site.published:
        return net.get_submodule(site.published), "after"
    chain, _, part = site.inner.rpartition(".")
    holder = locate(net, net.plan.sites[site.landmark])[0]
    if site.landmark == "stem":
        return getattr(net, part), "after"
    if site.kind == "inner" and part in ("conv", "bn", "relu", "resize"):
        layers = holder
        while isinstance(layers[0], torch.nn.Sequential) and not chain.startswith("step"):
            layers = layers[0]
        if chain.startswith("step"):
            layers = layers[int(chain[4:]) - 1]
        return layers[2], "after"
    block = holder[int(chain[5:])] if chain.startswith("block") else holder[0]
    last = block.relu3 if hasattr(block, "relu3") else block.relu2
    return {
        "sum": lambda: (last, "before"),
        "out": lambda: (last, "after"),
        "shortcut": lambda: (block.downsample, "after"),
    }.get(part, lambda: (getattr(block, part), "after"))()


@contextmanager
def catching(net, site, function):
    """Pass the tensor at a site through ``function`` while the net runs forward."""
    module, side = locate(net, site)
    if side == "before":
        handle = module.register_forward_pre_hook(lambda _, args: (function(args[0]), *args[1:]))
    else:
        handle = module.register_forward_hook(lambda _, __, out: function(out))
    try:
        yield
    finally:
        handle.remove()


@torch.no_grad()
def tensor_at(net, x, site):
    """The tensor at a site in a whole forward pass."""
    seen = []
    with catching(net, site, lambda value: seen.append(value.clone()) or value):
        net(x)
    (value,) = seen
    return value


@torch.no_grad()
def edited_logits(net, x, edits):
    """Logits of a copy of the net in which each (site, function) of ``edits`` is applied."""
    changed = copy.deepcopy(net)
    with ExitStack() as edited:
        for site, function in edits:
            edited.enter_context(catching(changed, site, function))
        return changed(x)
