"""What autograd remembers of one exchange: torchviz's graph of one output, with the names that the sites have here.

Graphviz finds the places of its boxes, whose sizes are ours: a real ``dot`` where there is one, else the binary of the
``graphviz-pure`` wheel, else a sentence.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import graphviz
import torch
from torch import Tensor

from hrnet_viz.canvas.colours import STEM_COLOUR, Theme, ink_on, tint
from hrnet_viz.canvas.diagram import Diagram
from hrnet_viz.canvas.marks import resolution_colour
from hrnet_viz.canvas.network_drawing import ready
from hrnet_viz.canvas.shapes import Place, Point, Sheet, text_width
from hrnet_viz.runner import run, size_at
from hrnet_viz.tracing import evaluating

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet

VARIABLE = "GRAPHVIZ_DOT"
REPLACEMENT = "graphviz-pure"
SECONDS = 60


class DotNotFound(RuntimeError):  # noqa: N818  # it says what happened
    """No program is there that draws graphs; the message says how to get one."""


def find_dot() -> tuple[str, ...]:
    """Return the programs that can draw a graph, the preferred one first.

    Raises:
        DotNotFound: there is none, or the one that GRAPHVIZ_DOT names does not exist.
    """
    found = tuple(dict.fromkeys(_candidates()))
    if not found:
        raise DotNotFound(
            "Drawing a diagram needs Graphviz, and neither 'dot' nor 'graphviz-pure' was found. Install one: "
            f"'{Path(sys.executable).name} -m pip install graphviz-pure' (no administrator needed), "
            "'apt install graphviz', 'brew install graphviz' or 'conda install -c conda-forge graphviz'; "
            f"or set {VARIABLE} to the path of a 'dot'."
        )
    return found


def _candidates() -> Iterator[str]:
    named = os.environ.get(VARIABLE)
    if named:
        program = shutil.which(named)
        if program is None:
            raise DotNotFound(
                f"{VARIABLE} is set to '{named}', and there is no such program. "
                "Set it to the path of a 'dot', or unset it to let one be looked for."
            )
        yield program
    beside = os.pathsep.join((sysconfig.get_path("scripts"), str(Path(sys.executable).parent)))
    for name, path in (("dot", None), (REPLACEMENT, beside), (REPLACEMENT, None)):
        program = shutil.which(name, path=path)
        if program is not None:
            yield program


def run_dot(source: str) -> bytes:
    """Return where Graphviz places the nodes and edges of a graph in the DOT language, in its plain format.

    Raises:
        DotNotFound: there is no program to draw with.
        RuntimeError: every program that is there failed; the message quotes the last one.
    """
    options, complaint = ("-Kdot", "-Tplain"), ""
    for program in find_dot():
        try:
            done = subprocess.run(  # noqa: S603  # the program is one that the user installed
                [program, *options], input=source.encode(), capture_output=True, check=False, timeout=SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            complaint = f"'{program}' could not be run: {error}"
            continue
        if done.returncode == 0 and done.stdout:
            return done.stdout
        complaint = f"'{program} {' '.join(options)}' failed: {done.stderr.decode(errors='replace').strip()}"
    raise RuntimeError(f"Graphviz could not draw this graph. {complaint}")


SIZE, MARGIN = 12.0, 11.0  # of letters and of the page, in points
_NODE = re.compile(r"\s*(?P<id>\d+) \[label=(?:\"(?P<text>.*?)\"|(?P<word>\w+))", re.DOTALL)
_EDGE = re.compile(r"\s*(?P<tail>\d+) -> (?P<head>\d+)")


def autograd_graph(
    net: HRNet | str,
    module: str,
    *,
    output: int = 0,
    size: tuple[int, int] | int | None = None,
    parameters: bool = False,
    theme: Theme | None = None,
) -> Diagram:
    """Draw the autograd graph of one output of an exchange, from the branches to what ReLU leaves.

    The branches are cut off from what comes before them, so the graph is that of this one exchange.

    Args:
        net: the net, or the name of a variant; then no weights are made and nothing is computed.
        module: "stage4.2", or any site in that module.
        output: which output: 0 is the highest resolution.
        size: height and width of the photo in px; the net's own if None.
        parameters: whether convolution weights and BatchNorm parameters are drawn as well.
        theme: "light" or "dark"; the default theme if None.

    Raises:
        SiteError: the net has no such module.
        ValueError: the module has no such output.
    """
    net, size, theme = ready(net, size, theme)
    scope = net.plan.module(module).address
    branches = [net.plan.sites[name] for name in net.plan.module(module).branches]
    if not 0 <= output < len(branches):
        raise ValueError(f"output={output} was given; {scope} has outputs 0 to {len(branches) - 1}.")
    like = next(net.parameters())
    x = torch.zeros(1, 3, *size, device=like.device, dtype=like.dtype)
    leaves = {site.name: _leaf(x, site.channels, size_at(site, x)) for site in branches}
    paths = [f"{scope}.fuse{output}<-{j}" for j in range(len(branches))]
    names = [*paths, f"{scope}.sum{output}", f"{scope}.out{output}"]
    with evaluating(net), torch.enable_grad():
        kept = run(net, x, keep=names, edit=leaves)
        weights = dict(net.get_submodule(scope).named_parameters())
        graph = _read_graph(kept[names[-1]], weights if parameters else {}, kept, leaves)
    functions = sum(node.is_function for node in graph.nodes.values())
    left_out = "the branches and every parameter" if parameters else "the branches; parameters are left out"
    caption = (
        f"What autograd remembers of output {output} of {scope} in {net.plan.owner}, read by torchviz. "
        f"The gradient goes back from bottom to top, to {left_out}."
    )
    alt = (
        f"{caption} {functions} functions lie between {len(branches)} branches and one output; "
        "the paths, their sum and the output are named."
    )
    return Diagram.of(_draw_graph(graph, net, theme), caption, alt)


@dataclass(frozen=True, slots=True)
class _Node:
    """A node of torchviz's graph.

    Attributes:
        words: its lines: a function's name, or a tensor's name and shape.
        site: address of the tensor that the function gave, or that the leaf is; "" where it has none here.
    """

    words: tuple[str, ...]
    site: str
    is_function: bool


@dataclass(frozen=True, slots=True)
class _Graph:
    nodes: dict[str, _Node]
    edges: tuple[tuple[str, str], ...]


def _read_graph(
    output: Tensor, weights: Mapping[str, Tensor], kept: Mapping[str, Tensor], leaves: Mapping[str, Tensor]
) -> _Graph:
    """Take torchviz's graph apart: what it prints differs from run to run, since it names nodes by memory address.

    A function is known by its address, as long as somebody holds it. A leaf is not: PyTorch may hand torchviz another
    object than ours for it. So branches are known by their shapes, which differ in one module, and from those of
    weights.
    """
    functions = {name: tensor.grad_fn for name, tensor in kept.items()}  # held until the graph is read
    named = {str(id(function)): name for name, function in functions.items()}
    shaped = {str(tuple(leaf.shape)): name for name, leaf in leaves.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for versions in a way that Python has deprecated
        from torchviz import make_dot

        drawn = make_dot(output, params=dict(weights))
    nodes: dict[str, _Node] = {}
    edges: list[tuple[str, str]] = []
    for line in drawn.body:
        if edge := _EDGE.match(line):
            edges.append((edge["tail"], edge["head"]))
        elif node := _NODE.match(line):
            words = tuple(word.strip() for word in (node["text"] or node["word"]).splitlines())
            nodes[node["id"]] = _Node(words, named.get(node["id"], ""), is_function=node["text"] is None)
    for leaf in {tail for tail, _ in edges if not nodes[tail].is_function and not nodes[tail].words[0]}:
        nodes[leaf] = replace(nodes[leaf], site=shaped.get(nodes[leaf].words[-1], ""))
    # The output itself is no more than its last function, and a leaf without a name is a parameter nobody asked for.
    dropped = {name for name, node in nodes.items() if not node.is_function and not node.site and not node.words[0]}
    dropped |= {head for tail, head in edges if tail in dropped}
    return _Graph(
        {name: node for name, node in nodes.items() if name not in dropped},
        tuple(edge for edge in edges if dropped.isdisjoint(edge)),
    )


def _draw_graph(graph: _Graph, net: HRNet, theme: Theme) -> Sheet:
    """Run Graphviz to find the places of boxes whose sizes are ours, and draw them on a sheet."""
    labels = {name: _label(node) for name, node in graph.nodes.items()}
    short = {name: f"n{number}" for number, name in enumerate(graph.nodes)}
    drawing = graphviz.Digraph(
        "autograd",
        graph_attr={"nodesep": "0.18", "ranksep": "0.28"},
        node_attr={"shape": "box", "fixedsize": "true"},
        edge_attr={"arrowhead": "none"},
    )
    for name, lines in labels.items():
        width, height = (max(map(text_width, lines)) + 1.2) * SIZE, (len(lines) * 1.2 + 0.7) * SIZE
        drawing.node(short[name], label="", width=f"{width / 72:.3f}", height=f"{height / 72:.3f}")
    with drawing.subgraph() as top:
        top.attr(rank="same")
        for name, node in graph.nodes.items():
            if node.site and not node.is_function:
                top.node(short[name])
    for tail, head in graph.edges:
        drawing.edge(short[tail], short[head])
    (wide, high), places, curves = _read_plain(run_dot(str(drawing.source)).decode())
    sheet = Sheet("autograd", theme, (wide + 2 * MARGIN, high + 2 * MARGIN))
    for name, lines in labels.items():
        site = net.plan.sites.get(graph.nodes[name].site)
        colour = STEM_COLOUR if site is None else resolution_colour(site)
        fill = tint(colour, theme, 0.14 if site is None else 0.4)
        tip = graph.nodes[name].site or graph.nodes[name].words[0]
        place, box = places[short[name]], short[name]
        sheet.box(box, place, lines, fill=fill, line=colour, ink=ink_on(fill), size=SIZE, rounded=False, tip=tip)
    for tail, head in graph.edges:
        ends = short[tail], short[head]
        sheet.curve(ends, curves[ends], colour=sheet.colours.muted, thickness=1.0, arrow=6.0)
    return sheet


def _label(node: _Node) -> tuple[str, ...]:
    """Return the lines of a box; a tensor's first line is the name that torchviz was told, a branch has its own."""
    where = node.site.rpartition(".")[2]
    lines = (node.words[0], where) if node.is_function else (where or node.words[0], node.words[-1])
    return tuple(line for line in lines if line)


def _read_plain(text: str) -> tuple[tuple[float, float], dict[str, Place], dict[tuple[str, str], tuple[Point, ...]]]:
    """Read Graphviz's plain format: the size, the place of each node and the curve of each edge, in points."""
    places: dict[str, Place] = {}
    curves: dict[tuple[str, str], tuple[Point, ...]] = {}
    wide = high = 0.0
    for line in text.splitlines():
        kind, *words = line.split()
        if kind == "graph":
            wide, high = 72 * float(words[1]), 72 * float(words[2])
        elif kind == "node":
            x, y, width, height = (72 * float(word) for word in words[1:5])
            places[words[0]] = Place(x + MARGIN, high - y + MARGIN, width, height)
        elif kind == "edge":
            numbers = [72 * float(word) for word in words[3 : 3 + 2 * int(words[2])]]
            curves[words[0], words[1]] = tuple(
                (x + MARGIN, high - y + MARGIN) for x, y in zip(numbers[::2], numbers[1::2], strict=True)
            )
    return (wide, high), places, curves


def _leaf(like: Tensor, channels: int, size: tuple[int, int]) -> Tensor:
    return like.new_zeros(1, channels, *size).requires_grad_()
