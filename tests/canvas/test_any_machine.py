"""The same pictures whatever fonts a machine has, and whatever program there lays graphs out."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.looking.pictures import explain_difference

DRAW = """
import sys
from pathlib import Path
import torch
import hrnet_viz as hv
folder = Path(sys.argv[1])
torch.manual_seed(0)
net = hv.hrnet("hrnet_w18_small_v1", num_outputs=3).eval()
trace = hv.trace(net, torch.randn(1, 3, 64, 64))
pictures = {
    "modules": hv.figures.network_diagram("hrnet_w18"),
    "values": hv.figures.network_diagram(net, values={"stage4.0.branch1": -1.25}, name="effect", theme="dark"),
    "exchange diagram": hv.figures.exchange_diagram("hrnet_w18", "stage3.0"),
    "autograd": hv.figures.autograd_graph(net, "stage3.0", output=1),
    "branches": hv.figures.branch_maps(trace, "stage4.0"),
    "exchange": hv.figures.exchange_steps(trace, "stage4.0.sum1"),
    "summary": hv.figures.activation_summary(hv.activations.statistics(trace)),
}
for name, picture in pictures.items():
    (folder / f"{name}.png").write_bytes(picture.png())
"""
NO_FONTS = '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig></fontconfig>'
ONE_WIDE_FONT = NO_FONTS.replace(
    "<fontconfig>",
    '<fontconfig><dir>/usr/share/fonts</dir><match target="pattern"><edit name="family" mode="assign" '
    'binding="strong"><string>DejaVu Sans Mono</string></edit></match>',
)


def draw(folder, **environment):
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", DRAW, folder], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("drawn") / "here")


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["no fonts", "one wide font", "graphviz-pure"])
def test_pictures_are_the_same(here, tmp_path, machine):
    if machine == "graphviz-pure":
        program = shutil.which("graphviz-pure", path=os.path.dirname(sys.executable))  # noqa: PTH120  # a search path
        if program is None:
            pytest.skip("graphviz-pure is not installed in this environment: pip install graphviz-pure")
        environment = {"GRAPHVIZ_DOT": program}
    else:
        (tmp_path / "fonts.conf").write_text(NO_FONTS if machine == "no fonts" else ONE_WIDE_FONT)
        environment = {"FONTCONFIG_FILE": str(tmp_path / "fonts.conf")}
    there = draw(tmp_path / "there", **environment)
    assert there.keys() == here.keys()
    assert {name: explain_difference(here[name], there[name]) for name in here} == dict.fromkeys(here)
    exact = [name for name in here if name != "autograd.png"]  # two programs round places differently
    assert [name for name in exact if here[name] != there[name]] == []
