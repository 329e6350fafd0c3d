"""What the shipped table says about the class activation maps of the shipped net."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from textwrap import fill

from hrnet_viz.weights.shipped import find_shipped

HERE = Path(__file__).parent
PLACES = (HERE / "_shipped", HERE.parents[1] / "assets" / "faithfulness")  # of a wheel, of a clone


def describe_faithfulness(*measures: str) -> str:
    """Return what the shipped table concludes, in sentences.

    Args:
        measures: which of its measures: "pointing", "energy", "deletion", "insertion", "drop", "ablation", "sanity".
    """
    file = next((place / "results.json" for place in PLACES if (place / "results.json").is_file()), None)
    if file is None:
        return "No table is shipped with this installation. In a clone `make faithfulness PHOTOS=folder` measures one."
    told = json.loads(file.read_text(encoding="utf8"))
    how = told["provenance"]
    mine = hashlib.sha256(find_shipped("teaching").read_bytes()).hexdigest()
    which = "this very net" if how["sha256 of the weights"] == mine else "an earlier training of this net, not this one"
    lines = [
        f"Measured on {which}.",
        f"{how['photos']} validation photos, {how['named right by the net']} of them named right by the net.",
    ]
    chosen = [sentence for sentence in told["conclusions"] if sentence.startswith(measures)]
    lines += [fill(sentence, 110, initial_indent="* ", subsequent_indent="  ") for sentence in chosen]
    return "\n".join(lines)
