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
    "rooms": "hrnet_viz.activations, hrnet_viz.exchanges, hrnet_viz.receptive_fields, hrnet_viz.heads, "
    "hrnet_viz.attribution, hrnet_viz.interventions, hrnet_viz.figures, hrnet_viz.photos",
}

# Bottom to top. A room may import from rooms of lower layers and from itself.
LAYERS = [
    {"sites", "doors", "files", "devices"},
    {"photos", "site_map"},
    {"network"},
    {"runner"},
    {"tracing", "long_work"},
    {"outputs", "decoding", "weights"},
    {"targets"},
    {"predictions", "canvas"},
    {"exchanges"},
    {"activations", "receptive_fields", "heads", "interventions"},
    {"attribution"},
    {"figures"},
    {"explorer"},
    {"course", "__main__"},
    {"__init__"},
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


def imports_of(path: Path, *, typing: bool = False) -> set[str]:
    """Modules of this package that a file imports; with ``typing`` those, too, that a type checker alone sees."""
    tree = ast.parse(path.read_text())
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    hidden = {id(child) for block in blocks for child in ast.walk(block)}
    found = set()
    for node in ast.walk(tree):
        if id(node) in hidden and not typing:
            continue
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports from '.'; say from where"
            found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
        elif isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
    return {name for name in found if name.split(".")[0] == "hrnet_viz"}


FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(name: str) -> str:
    return name.split(".")[1] if "." in name else "__init__"


def test_every_room_has_its_layer():
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES}
    assert rooms == {*LAYER_OF}


def test_rooms_import_only_downwards():
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in FILES
        for room in [path.relative_to(PACKAGE).parts[0].removesuffix(".py")]
        for name in imports_of(path)
        if room_of(name) in LAYER_OF and room_of(name) != room and LAYER_OF[room_of(name)] >= LAYER_OF[room]
    ]
    assert not wrong


def test_no_circle_of_files_not_even_for_the_type_checker():
    """A file whose imports all stand already can go; what remains at the end goes round in a circle."""
    modules = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in FILES}
    needs = {name: {*modules} & imports_of(path, typing=True) - {name} for name, path in modules.items()}
    while free := {name for name, wanted in needs.items() if not wanted & {*needs}}:
        for name in free:
            del needs[name]
    assert not needs


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
