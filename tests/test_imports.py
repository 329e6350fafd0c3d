"""Importing hrnet_viz stays light, every public name is explained, and rooms import only downwards."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import hrnet_viz

PACKAGE = Path(hrnet_viz.__file__).parent
HEAVY = ["torchvision", "matplotlib", "ipywidgets", "anywidget", "skimage", "graphviz", "torchviz", "timm", "captum"]

LIGHT_USES = {
    "nothing": "",
    "network": "hrnet_viz.hrnet",
    "a net": "hrnet_viz.hrnet('hrnet_w18_small_v1').sites()",
    "tracing": "hrnet_viz.trace(hrnet_viz.hrnet('hrnet_w18_small_v1').eval(), hrnet_viz.photo('cat'), sites=['stem'])",
    "sites": "hrnet_viz.Site",
    "names": "dir(hrnet_viz); hrnet_viz.__all__",
}

# Bottom to top. A room may import from rooms of lower layers and from itself; whatever is not named here may use all.
LAYERS = [
    {"sites", "doors", "files", "devices"},
    {"photos", "site_map"},
    {"network", "arguments"},
    {"runner"},
    {"tracing", "long_work"},
    {"targets", "weights"},
    {"predictions", "canvas"},
    {"exchanges"},
    {"activations", "receptive_fields", "heads", "interventions"},
    {"attribution"},
    {"figures"},
    {"explorer"},
]
LAYER_OF = {room: layer for layer, rooms in enumerate(LAYERS) for room in rooms}


@pytest.mark.parametrize("use", LIGHT_USES.values(), ids=LIGHT_USES)
def test_no_heavy_library_comes_along(use):
    code = f"import json, sys, hrnet_viz\n{use}\nprint(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == []


def test_a_bare_import_does_not_even_need_torch():
    code = "import sys, hrnet_viz; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def imports_of(path: Path) -> set[str]:
    """Rooms of this package that a file imports anywhere, but for what only a type checker sees."""
    tree = ast.parse(path.read_text())
    hidden = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.walk(node)
    }
    named = []
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            named += [node.module] if node.module != "hrnet_viz" else [f"hrnet_viz.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            named += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            named.append("hrnet_viz.")
    return {name.split(".")[1] if "." in name else "" for name in named if name.split(".")[0] == "hrnet_viz"}


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_rooms_import_only_downwards(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room not in LAYER_OF:
        return
    own = LAYER_OF[room]
    wrong = {other for other in imports_of(path) - {room} if LAYER_OF.get(other, len(LAYERS)) >= own}
    assert not wrong, f"{room} (layer {own}) must not import {wrong or '?'}; `import hrnet_viz` itself is for users"


KNOW_TORCHVISION = {
    "photos/preparation.py": "the transform that a DataLoader takes; imported when it is asked for",
    "weights/published.py": "the ImageNet names ship in torchvision; read only when such a file is loaded",
}


def test_who_knows_torchvision():
    named = {path: ast.unparse(ast.parse(path.read_text())) for path in FILES}
    knowing = [path for path, code in named.items() if "import torchvision" in code or "from torchvision" in code]
    assert {path.relative_to(PACKAGE).as_posix() for path in knowing} == {*KNOW_TORCHVISION}


def test_the_package_knows_no_recipe():
    assert not [path for path in FILES if "from recipes" in path.read_text().partition("TYPE_CHECKING:")[0]]
