"""A trace whose numbers are made by formulas, the same on every machine, and checks that hold for every figure."""

from itertools import combinations

import pytest
import torch
from matplotlib.text import Text

import hrnet_viz as hv
from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.photos.scenes import checker
from hrnet_viz.runner import size_at
from hrnet_viz.tracing import Trace

CLASSES = ("cat", "dog", "golf_ball", "church", "horse", "truck")


def made_trace(name="hrnet_w18_small_v1", size=128, photos=2, drop=()):
    """Trace a net without running it: waves for what convolutions compute; views, sums, ReLUs as in the net."""
    net = hv.hrnet(name, num_outputs=len(CLASSES))
    pictures = tuple(checker(size, cell) for cell in (8, 32, 16, 64)[:photos])
    x = Preparation(size=size).tensor(pictures)
    values = {"input": x}
    for number, step in enumerate(net.plan.steps):
        site = step.site
        if step.operation == "view" and not step.inner:
            values[site.name] = values[step.inputs[0]]
        elif step.operation == "add":
            values[site.name] = sum((values[source] for source in step.inputs[1:]), start=values[step.inputs[0]])
        elif site.kind == "fuse_out":
            values[site.name] = values[step.inputs[0]].relu()
        elif site.stride is None:
            values[site.name] = torch.linspace(-2, 3, photos * site.channels).view(photos, -1).flip(1)
        else:
            waves = make_waves(photos, site.channels, size_at(site, x), number)
            values[site.name] = waves if site.kind == "fuse_path" else waves.relu()
    del values["input"]
    return Trace(net.plan, x, {k: v for k, v in values.items() if k not in drop}, pictures, CLASSES)


def make_waves(photos, channels, size, number):
    down, across = (torch.linspace(0, 1, side).view(-1, 1) for side in size)
    channel = torch.arange(channels).view(1, -1, 1, 1)
    photo = torch.arange(photos).view(-1, 1, 1, 1)
    phase = 1.7 * channel + 0.9 * number + photo
    return torch.sin(5 * down + phase) * torch.cos(7 * across.T - 0.6 * phase) * (1 + channel / channels)


def words_of(picture):
    """Every text that is really drawn, with its box in pixels: a tick outside of its axis is an object too."""
    drawn = []

    def note(text, renderer):
        drawn.append(text)
        return plainly(text, renderer)

    plainly = Text.draw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", note)
        picture.canvas.draw()
    return [(text.get_text(), text.get_window_extent()) for text in drawn if text.get_visible() and text.get_text()]


def complain_about_words(picture, slack=1.5):
    """Name the texts that are cut off or lie over each other."""
    words = words_of(picture)
    width, height = picture.bbox.width, picture.bbox.height
    complaints = [
        f"cut off: {text!r}"
        for text, box in words
        if box.x0 < -slack or box.y0 < -slack or box.x1 > width + slack or box.y1 > height + slack
    ]
    for (one, a), (other, b) in combinations(words, 2):
        across, down = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        if across > slack and down > slack + 2:  # the boxes of neighbouring lines touch, letters don't
            complaints.append(f"{one!r} lies over {other!r}")
    return complaints


def axes_called(picture, start):
    return [axes for axes in picture.axes if str(axes.get_label()).startswith(start)]


def numbers_of(axes):
    """What a colour bar's ticks say, from the low end to the high one."""
    axes.figure.canvas.draw()
    axis = axes.xaxis if axes.bbox.width > axes.bbox.height else axes.yaxis
    return [label.get_text() for label in axis.get_ticklabels()]
