"""What the notebooks hand to the checkers and to the learner's cells, small enough for tests."""

import hrnet_viz as hv
from hrnet_viz.analysis.ablation import ablate
from hrnet_viz.analysis.sweep import sweep


def norm(bn, x):
    """BatchNorm in eval mode, written out as in notebook 01."""
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    shift = bn.bias - bn.running_mean * scale
    return x * scale[:, None, None] + shift[:, None, None]


def make_context():
    """Give net, photo, trace and functions under the names that the notebooks use."""
    import torch
    from torch.nn import functional

    torch.manual_seed(0)
    net = hv.hrnet("hrnet_w18_small_v2", num_outputs=12)
    photo = hv.photo("cat")
    x = hv.prepare(net, photo, size=(96, 96))
    hv.settle_norms(net, torch.cat([x, x.flip(3)]))
    net.eval()
    trace = hv.trace(net, x)
    known = {"net": net, "photo": photo, "trace": trace, "device": hv.device(), "target": 0}
    known |= {"row": 0, "ablate": ablate, "swept": sweep(net, trace, target=0)}
    return known | {"F": functional, "norm": norm}
