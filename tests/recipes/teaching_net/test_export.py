import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from hrnet_viz.weights.loading import load
from recipes.teaching_net.__main__ import main
from recipes.teaching_net.card import write_model_card
from recipes.teaching_net.evaluate import make_plain, measure
from recipes.teaching_net.export import export_weights, spell_command
from recipes.teaching_net.schedule import Phase, Recipe
from recipes.teaching_net.train import averaged_weights, read_checkpoint


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    into = tmp_path_factory.mktemp("run")
    command = "--variant hrnet_w18_small_v1 --batch 8 --stored 40 --autocast off --held-back 0.2 --check-photos 0"
    assert main(["train", str(folder), "--into", str(into), *command.split(), "--phases", "2@32"]) == 0
    return into


@pytest.fixture(scope="module")
def exported(folder, run):
    target = run / "colours.safetensors"
    said = []
    metadata = export_weights(
        run / "checkpoint.pt", folder, target, size=40, sizes=(32, 64), note="Plain colours.", log=said.append
    )
    return target, metadata


def test_the_file_is_half_precision_and_loads_as_a_calibrated_net(run, exported):
    target, metadata = exported
    with safe_open(target, "pt") as file:
        kept = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        assert file.metadata() == metadata
    assert {value.dtype for value in kept.values()} == {torch.float16, torch.int64}
    average = averaged_weights(read_checkpoint(run / "checkpoint.pt"))
    assert all(torch.equal(value, average[name].to(value.dtype)) for name, value in kept.items())

    net = load(target)
    assert net.classes == ("blue", "green", "red")
    assert net.variant.name == "hrnet_w18_small_v1"
    assert net.preparation.size == (40, 40)
    assert net.preparation.fit == "squash"
    temperature = float(metadata["temperature"])
    assert torch.allclose(net.classifier.weight, kept["classifier.weight"].float() / temperature)


def test_the_provenance_says_how_the_weights_came_about_and_names_no_place(folder, exported):
    _, metadata = exported
    provenance = json.loads(metadata["provenance"])
    assert provenance["photos"] == {"trained_on": 30, "held_back": 6}
    assert provenance["calibration"]["photos"] == 6
    assert provenance["finished"] is True
    assert provenance["recipe"]["phases"] == ["2@32"]
    assert provenance["note"] == "Plain colours."
    assert sum(provenance["history"]["photos"].values()) == provenance["steps"] * 8
    assert str(folder) not in json.dumps(metadata)
    assert str(folder.parent) not in json.dumps(metadata)


def test_the_command_rebuilds_the_recipe():
    from recipes.teaching_net.__main__ import build_parser

    recipe = Recipe(
        variant="hrnet_w18", phases=(Phase(1, (64, 96)), Phase(2, (128,))), seed=3, autocast="off", channels_last=False
    )
    _, *arguments = spell_command(recipe).removeprefix("python -m ").split()
    options = vars(build_parser().parse_args(arguments))
    values = {name: options[name] for name in vars(recipe) if name in options}
    assert replace(Recipe(), **(values | {"phases": tuple(values["phases"])})) == recipe


def test_other_photos_are_refused(run, tmp_path, folder):
    (tmp_path / "train" / "cat").mkdir(parents=True)
    (tmp_path / "train" / "cat" / "1.png").write_bytes((folder / "train" / "red" / "00.png").read_bytes())
    with pytest.raises(ValueError, match="has the classes"):
        export_weights(run / "checkpoint.pt", tmp_path, tmp_path / "x.safetensors", size=40, sizes=(32,))


def test_the_card_tells_the_numbers_the_limits_and_the_way_to_rebuild(folder, exported, tmp_path):
    target, metadata = exported
    results = make_plain(measure(load(target), folder / "val", (32, 64)))
    (tmp_path / "evaluation.json").write_text(json.dumps(results))
    assert main(["card", str(target), str(tmp_path / "evaluation.json"), "--target", str(tmp_path / "card.md")]) == 0
    card = (tmp_path / "card.md").read_text()
    assert card.startswith("# Model card: colours\n")
    for word in ("must not be used", "No photo is shipped", "Imagenette", "Seed 0", "Plain colours.", "32 px", "64 px"):
        assert word in card
    for result in results:
        assert f"{result['accuracy']['value']:.1%}" in card
        assert f"{result['calibration_error']:.3f}" in card
    assert f"{float(metadata['temperature']):.3f}" in card
    assert spell_command(Recipe.from_json(json.dumps(json.loads(metadata["provenance"])["recipe"]))) in card
    assert str(folder.parent) not in card


def test_the_card_tells_of_both_runs_where_one_went_on_from_the_other(run, folder, tmp_path):
    command = "--variant hrnet_w18_small_v1 --batch 8 --stored 40 --autocast off --held-back 0.2 --check-photos 0"
    second = ["train", str(folder), "--into", str(tmp_path), "--from", str(run), *command.split()]
    assert main([*second, "--phases", "1@32", "1@32:still", "--clip", "2"]) == 0
    metadata = export_weights(tmp_path / "checkpoint.pt", folder, tmp_path / "x.safetensors", size=40, sizes=(32,))
    results = make_plain(measure(load(tmp_path / "x.safetensors"), folder / "val", (32,)))
    card = write_model_card("x", metadata, results)
    first, after = card.index("Run 1 of 2, from random weights"), card.index("Run 2 of 2, from the moving average")
    assert "--phases 2@32" in card[first:after]
    assert "--from" not in card[first:after]
    assert "--from EARLIER_RUN" in card[after:]
    assert "--phases 1@32 1@32:still" in card[after:]
    assert "norm 2" in card[after:]
    assert str(run) not in json.dumps(metadata)


def test_norms_can_be_a_mixture_of_the_trained_and_the_measured(run, folder, tmp_path):
    def statistics(name, **norms):
        target = tmp_path / f"{name}.safetensors"
        metadata = export_weights(run / "checkpoint.pt", folder, target, size=40, sizes=(32,), **norms)
        return load_file(target)["bn1.running_mean"].float(), json.loads(metadata["provenance"])["norms"]

    kept, _ = statistics("kept")
    measured, _ = statistics("measured", norm_photos=16, norm_sizes=(40,))
    mixed, told = statistics("mixed", norm_photos=16, norm_sizes=(40,), norm_share=0.25)
    assert not torch.allclose(kept, measured, atol=1e-3)
    assert torch.allclose(mixed, 0.75 * kept + 0.25 * measured, atol=2e-3)
    assert told == {"photos": 16, "sizes": [40], "share": 0.25}
    with pytest.raises(ValueError, match="norm_share is 0"):
        statistics("none", norm_photos=16, norm_share=0)


def test_a_card_needs_the_right_evaluation(exported, tmp_path, capsys):
    (tmp_path / "evaluation.json").write_text('[{"classes": ["cat"]}]')
    assert main(["card", str(exported[0]), str(tmp_path / "evaluation.json"), "--target", str(tmp_path / "x.md")]) == 2
    assert "other classes" in capsys.readouterr().err
    assert main(["card", str(exported[0]), str(tmp_path / "none.json")]) == 2
    assert "is no evaluation that --json wrote" in capsys.readouterr().err


def test_norms_are_measured_on_whole_photos_and_all_weights_stay(folder, run, tmp_path):
    metadata = export_weights(
        run / "checkpoint.pt", folder, tmp_path / "x.safetensors", size=40, sizes=(32, 64), norm_photos=16
    )
    assert json.loads(metadata["provenance"])["norms"] == {"photos": 16, "sizes": [32, 64], "share": 1.0}
    average = averaged_weights(read_checkpoint(run / "checkpoint.pt"))
    for name, value in load_file(tmp_path / "x.safetensors").items():
        same = torch.equal(value, average[name].half() if value.is_floating_point() else average[name])
        assert same != name.endswith(("running_mean", "running_var")), name
