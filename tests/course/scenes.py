"""What the notebooks hand to the checkers, small enough for tests."""

import hrnet_viz as hv


def make_context():
    """Give net, photo and trace under the names that the notebooks use."""
    import torch

    torch.manual_seed(0)
    net = hv.hrnet("hrnet_w18_small_v2", num_outputs=12)
    photo = hv.photo("cat")
    x = hv.prepare(net, photo, size=(96, 96))
    hv.settle_norms(net, torch.cat([x, x.flip(3)]))
    net.eval()
    return {"net": net, "photo": photo, "trace": hv.trace(net, x), "device": hv.device()}
