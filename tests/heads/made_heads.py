"""Traces of the dense heads whose numbers are made by formulas, the same on every machine."""

import torch

import hrnet_viz as hv
from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.photos.scenes import checker
from hrnet_viz.tracing import Trace
from tests.nets.made_trace import make_waves

CLASSES = ("road", "traffic light", "sky", "a class with a name that is much too long")


def made_head(head, name="hrnet_w18_small_v1", size=(128, 128), factor=1.0):
    """Trace the head of a net without running it; what is a softmax in the net is one here."""
    with torch.device("meta"):
        net = hv.hrnet(name, head=head, num_outputs=len(CLASSES) if head == "ocr" else None)
    picture = checker(size, 16)
    values = {
        step.name: make_waves(1, step.site.channels, step.site.size(*size), number) * factor
        for number, step in enumerate(net.plan.steps)
        if step.site.kind in ("head", "logits") and step.site.stride
    }
    if head == "ocr":
        values["head.regions"] = values["head.aux"].flatten(2).softmax(2).view_as(values["head.aux"])
        values["head.attention"] = (4 * values["head.attention"] / factor).softmax(1)
    classes = CLASSES if head == "ocr" else ()
    return Trace(net.plan, Preparation(size=size).tensor((picture,)), values, (picture,), classes)
