"""What the notebooks hand to the checkers and to the learner's cells, small enough for tests."""

import hrnet_viz as hv
from hrnet_viz.interventions.ablation import ablate
from hrnet_viz.interventions.sweep import sweep


def norm(bn, x):
    """BatchNorm in eval mode, written out as in notebook 01."""
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    shift = bn.bias - bn.running_mean * scale
    return x * scale[:, None, None] + shift[:, None, None]


def make_context():
    """Give net, photo, trace and functions under the names that the notebooks use."""
    from torch.nn import functional

    net = hv.load("teaching")
    photo = hv.photo("cat")
    trace = hv.trace(net, hv.prepare(net, photo, size=(96, 96)))
    known = {"net": net, "photo": photo, "trace": trace, "device": hv.device(), "target": 0}
    known |= {"row": 0, "ablate": ablate, "swept": sweep(net, trace, target=0)}
    return known | {"F": functional, "norm": norm}
