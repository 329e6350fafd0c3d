"""The model card: what people have to know about a weights file before they use it, made from its own numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hrnet_viz.training.clock import spell_duration
from hrnet_viz.training.config import Recipe
from hrnet_viz.training.export import spell_command

MISUSE = """\
It is made for looking inside a network, in teaching and in research on explanations. It must not be used to decide
anything about people, animals, property or safety. It knows the classes below and nothing else: whatever photo it is
given, it answers with one of them, often with confidence. Its photos are web photos of objects as people like to show
them; on other photos, drawings, crops or corruptions it will be worse than the tables say, and nothing was done to
find out for whom. Every photo was squashed to a square, and so must be yours."""

REBUILD = """\
No photo is shipped. The photos are for research use, and only weights trained on them are given on. Anyone can build
such a folder:

1. Ten classes are those of Imagenette, photos chosen from ImageNet:
   `torchvision.datasets.Imagenette(root, split="train", size="full", download=True)`, and `split="val"`. Its folders
   carry WordNet numbers; rename them to the class names above (tench n01440764, english_springer n02102040,
   cassette_player n02979186, chain_saw n03000684, church n03028079, french_horn n03394916, garbage_truck n03417042,
   gas_pump n03425413, golf_ball n03445777, parachute n03888257).
2. `cat` and `dog` are photos of the public Cats-vs-Dogs set (the Asirra photos that Microsoft Research publishes);
   take about as many as the other classes have, and keep some apart for `val/`.
3. Resize each photo to 160 x 160 pixels without keeping its shape, and save it as `train/<class>/*.jpg` or
   `val/<class>/*.jpg`.

Another choice of cats and dogs, or another resizing, gives slightly other numbers."""


def write_model_card(name: str, metadata: Mapping[str, str], results: Sequence[Mapping[str, Any]]) -> str:
    """Write the card in Markdown.

    Args:
        name: of the weights.
        metadata: of the weights file, as ``export`` wrote it.
        results: the JSON of ``python -m hrnet_viz.evaluate``.

    Raises:
        ValueError: the file was not written by ``export``, or the evaluation is of other classes.
    """
    try:
        provenance: Mapping[str, Any] = json.loads(metadata["provenance"])
        classes: list[str] = json.loads(metadata["classes"])
        recipe, history, calibration = provenance["recipe"], provenance["history"], provenance["calibration"]
    except KeyError as error:
        raise ValueError(f"The weights file lacks {error} in its metadata. Write it with `export`.") from error
    if not results or list(results[0]["classes"]) != classes:
        raise ValueError("The evaluation is empty, or of other classes than the weights file has.")
    introduction = (
        f"`{metadata['variant']}` with its classification head and {len(classes)} outputs, trained from scratch; "
        f"half precision. Classes: {', '.join(classes)}."
    )
    sizes = " ".join(str(result["size"]) for result in results)
    measurement = (
        f"Measured by `python -m hrnet_viz.evaluate {name} FOLDER/val --sizes {sizes}` on {results[0]['photos']} "
        "photos that were not trained on. Some of them may have been looked at during the training or between two "
        "exports; neither weights nor temperature are fitted to them. "
        "In brackets: the 95 % Wilson interval."
    )
    parts = [
        f"# Model card: {name}",
        introduction,
        "## What it must not be used for",
        MISUSE,
        "## How good it is",
        measurement,
        _tabulate_accuracy(results),
        "Confusion (row: truth; column: answer, in the order of the rows):",
        *(_tabulate_confusion(result) for result in results),
        "## Calibration",
        _describe_calibration(calibration, float(metadata["temperature"]), recipe["seed"]),
        "## Data",
        f"{provenance['photos']['trained_on']} photos were trained on. {provenance.get('note', '')}".rstrip(),
        REBUILD,
        "## Recipe",
        *_describe_runs(provenance, recipe, history),
        _describe_norms(provenance),
    ]
    return "\n\n".join(parts) + "\n"


def _tabulate_accuracy(results: Sequence[Mapping[str, Any]]) -> str:
    head = ["", *(f"{result['size']} px" for result in results)]
    rows = [["**all**", *(_percent(result["accuracy"]) for result in results)]]
    rows += [[name, *(_percent(result["per_class"][name]) for result in results)] for name in results[0]["classes"]]
    rows.append(["expected calibration error", *(f"{result['calibration_error']:.3f}" for result in results)])
    return _table(head, rows)


def _tabulate_confusion(result: Mapping[str, Any]) -> str:
    head = [f"{result['size']} px", *(str(i) for i in range(1, len(result["classes"]) + 1))]
    rows = [
        [f"{i} {name}", *map(str, row)]
        for i, (name, row) in enumerate(zip(result["classes"], result["confusion"], strict=True), start=1)
    ]
    return _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _percent(interval: Mapping[str, float]) -> str:
    if not interval["photos"]:
        return "no photo"
    return f"{interval['value']:.1%} ({100 * interval['low']:.1f} to {100 * interval['high']:.1f})"


def _describe_calibration(calibration: Mapping[str, Any], temperature: float, seed: int) -> str:
    if "error_before" not in calibration:
        return "No photo was held back, so no temperature was fitted."
    return (
        f"One temperature, {temperature:.3f}, was fitted on {calibration['photos']} training photos that were held "
        f"back (seed {seed}) and never trained on, at {', '.join(map(str, calibration['sizes']))} px together; "
        "`hv.load` applies it, so that softmax of the logits is calibrated. On those photos the expected calibration "
        f"error was {calibration['error_before']:.3f} before and {calibration['error_after']:.3f} after; on other "
        "photos it is in the table above."
    )


def _describe_runs(provenance: Mapping[str, Any], recipe: Mapping[str, Any], history: Mapping[str, Any]) -> list[str]:
    """Tell of every run, the one that began with random weights first: its command, its recipe, what was done."""
    runs = [{"recipe": recipe, "history": history, "progress": provenance["progress"]}]
    while before := runs[0]["history"].get("before"):
        runs.insert(0, before)
    parts = []
    for number, run in enumerate(runs, start=1):
        if len(runs) > 1:
            source = "random weights" if number == 1 else f"the moving average of run {number - 1}"
            parts.append(f"Run {number} of {len(runs)}, from {source}:")
        command = spell_command(Recipe.from_json(json.dumps(run["recipe"])), continues=number > 1)
        parts += [f"    {command}", _describe_recipe(run["recipe"])]
        parts.append("What was really done: " + _describe_history(run["history"], run["progress"]))
    return parts


def _describe_recipe(recipe: Mapping[str, Any]) -> str:
    layout = ", channels last" if recipe["channels_last"] else ""
    clip = f", gradients shortened to norm {recipe['clip']:g}" if recipe.get("clip") else ""
    still = any(phase.endswith(":still") for phase in recipe["phases"])
    return (
        f"SGD with Nesterov momentum {recipe['momentum']:g}, weight decay {recipe['weight_decay']:g} on weights of "
        f"convolutions and classifier only{clip}, batches of {recipe['batch']}; one cycle: linearly up to "
        f"{recipe['peak_rate']:g} in {recipe['warmup']:.0%} of the training, then linearly to zero. Label smoothing "
        f"{recipe['smoothing']:g}. Moving average of weights and statistics with decay {recipe['ema_decay']:g}; the "
        f"average is the result. Random crops of {recipe['smallest_crop']:.0%} to 100 % of the area, flips, "
        f"brightness, contrast and saturation changed by up to {recipe['jitter']:.0%}. Sizes by epoch: "
        f"{', then '.join(recipe['phases'])} (epochs@pixels; of several sizes one is drawn for each batch"
        f"{'; still: BatchNorm keeps its statistics, as in testing' if still else ''}). "
        f"Autocast {recipe['autocast']}{layout}. Seed {recipe['seed']}."
    )


def _describe_history(history: Mapping[str, Any], progress: float) -> str:
    seen = ", ".join(f"{count} at {size} px" for size, count in history["photos"].items())
    end = "to the end of its schedule" if progress >= 1 else f"to {progress:.1%} of its schedule"
    settings = "; ".join(history.get("settings", []))
    return (
        f"{end}, {sum(history['photos'].values())} photos: {seen}; {spell_duration(history['seconds'])} (h:mm:ss) of "
        f"wall clock on a shared machine, in {history['sessions']} session(s){f': {settings}' if settings else ''}."
    )


def _describe_norms(provenance: Mapping[str, Any]) -> str:
    norms = provenance.get("norms")
    told = (
        f"BatchNorm statistics: {norms['share']:.0%} measured anew on {norms['photos']} whole photos that were trained "
        f"on, at {', '.join(map(str, norms['sizes']))} px, the rest those of the training (`export --norm-photos "
        f"{norms['photos']} --norm-sizes {' '.join(map(str, norms['sizes']))} --norm-share {norms['share']:g}`)."
        if norms
        else "BatchNorm statistics are those of the training."
    )
    return (
        f"{told} Where a deadline was given, the plan was stretched or shortened to it, so the photos seen at each "
        "size may differ from the planned epochs."
    )
