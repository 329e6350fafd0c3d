"""Run notebooks from top to bottom and store what they show, so that the same run stores the same bytes.

python scripts/execute_notebooks.py                 all of notebooks/
python scripts/execute_notebooks.py notebooks/01*   some
"""

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
CELL_TIMEOUT = 180  # seconds
STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
TRACES_OF_A_RUN = ("execution", "ExecuteTime", "trusted", "scrolled", "collapsed")


def find_views(notebook: nbformat.NotebookNode) -> list[str]:
    """Model ids of the widgets that cells show, in order."""
    outputs = [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]
    return [o["data"][VIEW]["model_id"] for o in outputs if VIEW in o.get("data", {})]


def keep_reachable(models: dict, shown: list[str]) -> dict:
    """The states of the shown widgets and of all that they refer to, in the order in which they are met."""
    kept: dict = {}
    waiting = list(reversed(shown))
    while waiting:
        name = waiting.pop()
        if name in kept or name not in models:
            continue
        kept[name] = models[name]
        text = json.dumps(models[name].get("state", {}))
        found = [other for other in models if other in text]
        waiting += sorted(found, key=text.index, reverse=True)
    return kept


def rename_models(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """Drop widget states that nothing shows, and name the others by their order: random ids make every run differ."""
    models = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    kept = keep_reachable(models, find_views(notebook))
    if not kept:
        notebook.metadata.pop("widgets", None)
        return notebook
    notebook.metadata["widgets"] = {STATE: {"state": kept, "version_major": 2, "version_minor": 0}}
    text = nbformat.writes(notebook)
    for place, old in enumerate(kept):
        text = text.replace(old, hashlib.sha256(f"{name} {place}".encode()).hexdigest()[:32])
    return nbformat.reads(text, as_version=4)


def tidy(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """Remove what differs from run to run or from machine to machine though nothing that matters changed."""
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNEL, "language_info": {"name": "python"}, "widgets": notebook.metadata.get("widgets", {})}
    )
    for cell in notebook.cells:
        for key in TRACES_OF_A_RUN:
            cell.metadata.pop(key, None)
        for output in cell.get("outputs", []):
            output.pop("transient", None)
            if output.get("metadata"):
                output.metadata = nbformat.from_dict(
                    {kind: value for kind, value in output.metadata.items() if kind in output.get("data", {})}
                )
    return rename_models(notebook, name)


def execute(path: Path) -> float:
    """Run one notebook in its own folder and write it back; returns the seconds it took."""
    notebook = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        coalesce_streams=True,
        record_timing=False,
    )
    client.execute()
    nbformat.write(tidy(notebook, path.stem), path)
    return time.perf_counter() - start


def main() -> int:
    """Execute the notebooks named on the command line, or all; returns 1 when one stopped with an error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all of notebooks/")
    paths = parser.parse_args().notebooks or sorted(NOTEBOOKS.glob("*.ipynb"))
    failed = []
    for path in paths:
        try:
            print(f"{path.name}: {execute(path):.0f} s, {path.stat().st_size / 1e3:.0f} kB", flush=True)
        except CellExecutionError as error:
            failed.append(path.name)
            print(f"{path.name}: left as it was, a cell failed\n{error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
