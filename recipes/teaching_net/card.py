"""The model card: what people have to know about a weights file before they use it, made from its own numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from string import Template
from typing import Any

from recipes.teaching_net.export import spell_command
from recipes.teaching_net.schedule import Recipe

TEMPLATE = Template(Path(__file__).with_name("card.md").read_text(encoding="utf-8"))
RECIPE = (
    "SGD with Nesterov momentum {momentum:g}, weight decay {weight_decay:g} on weights of convolutions and classifier "
    "only{shortened}, batches of {batch}; one cycle: linearly up to {peak_rate:g} in {warmup:.0%} of the training, "
    "then linearly to zero. Label smoothing {smoothing:g}. Moving average of weights and statistics with decay "
    "{ema_decay:g}; the average is the result. Random crops of {smallest_crop:.0%} to 100 % of the area, flips, "
    "brightness, contrast and saturation changed by up to {jitter:.0%}. Sizes by epoch: {sizes} (epochs@pixels; of "
    "several sizes one is drawn for each batch{still}). Autocast {autocast}{layout}. Seed {seed}."
)


def write_model_card(name: str, metadata: Mapping[str, str], results: Sequence[Mapping[str, Any]]) -> str:
    """Return the card in Markdown.

    Args:
        name: of the weights.
        metadata: of the weights file, as ``export`` wrote it.
        results: the JSON of ``python -m recipes.teaching_net evaluate``.

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
    note = provenance.get("note", "")
    return TEMPLATE.substitute(
        name=name,
        variant=metadata["variant"],
        outputs=len(classes),
        classes=", ".join(classes),
        sizes=" ".join(str(result["size"]) for result in results),
        photos=results[0]["photos"],
        accuracy=_tabulate_accuracy(results),
        confusion="\n\n".join(map(_tabulate_confusion, results)),
        calibration=_describe_calibration(calibration, float(metadata["temperature"]), recipe["seed"]),
        trained_on=provenance["photos"]["trained_on"],
        note=f" {note}" if note else "",
        runs="\n\n".join(_describe_runs(provenance, recipe, history)),
        norms=_describe_norms(provenance),
    )


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
    """Return of every run, the one that began with random weights first: its command, its recipe, what was done."""
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
    still = any(phase.endswith(":still") for phase in recipe["phases"])
    return RECIPE.format(
        **recipe,
        shortened=f", gradients shortened to norm {recipe['clip']:g}" if recipe.get("clip") else "",
        sizes=", then ".join(recipe["phases"]),
        still="; still: BatchNorm keeps its statistics, as in testing" if still else "",
        layout=", channels last" if recipe["channels_last"] else "",
    )


def _describe_history(history: Mapping[str, Any], progress: float) -> str:
    seen = ", ".join(f"{count} at {size} px" for size, count in history["photos"].items())
    end = "to the end of its schedule" if progress >= 1 else f"to {progress:.1%} of its schedule"
    settings = "; ".join(history.get("settings", []))
    return (
        f"{end}, {sum(history['photos'].values())} photos: {seen}; {timedelta(seconds=round(history['seconds']))} "
        f"(h:mm:ss) of wall clock on a shared machine, in {history['sessions']} session(s)"
        f"{f': {settings}' if settings else ''}."
    )


def _describe_norms(provenance: Mapping[str, Any]) -> str:
    norms = provenance.get("norms")
    if not norms:
        return "BatchNorm statistics are those of the training."
    sizes = list(map(str, norms["sizes"]))
    return (
        f"BatchNorm statistics: {norms['share']:.0%} measured anew on {norms['photos']} whole photos that were trained "
        f"on, at {', '.join(sizes)} px, the rest those of the training (`export --norm-photos {norms['photos']} "
        f"--norm-sizes {' '.join(sizes)} --norm-share {norms['share']:g}`)."
    )
