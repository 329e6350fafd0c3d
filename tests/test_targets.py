"""Targets in the words that people use, checked against the net before anything is computed."""

import copy
from functools import partial

import numpy as np
import pytest
import torch

import hrnet_viz as hv
from hrnet_viz import targets
from hrnet_viz.attribution.checks import ablation_agreement
from hrnet_viz.outputs import find_output
from hrnet_viz.targets import read_target
from tests.nets.trained_like import photos, trained_like

NAMES = ("cat", "dog", "french_horn", "gas_pump", "golf_ball", "parachute", "tench")
X = photos(3)


@pytest.fixture(scope="module")
def net():
    named = copy.deepcopy(trained_like())
    named.classes = NAMES
    return named


@pytest.fixture(scope="module")
def kept(net):
    return hv.trace(net, X, sites=["logits", "head.final", "stage4.0.branch0"])


def evaluate(net, kept, wish):
    return read_target(net, wish).evaluate(kept)


@pytest.mark.parametrize(
    "wish", ["dog", 1, np.int64(1), torch.tensor(1), "Dog", [1, 1, 1], torch.tensor([1, 1, 1]), np.array([1, 1, 1])]
)
def test_class_by_name_or_index(net, kept, wish):
    found = evaluate(net, kept, wish)
    assert torch.equal(found.values, kept["logits"][:, 1])
    assert found.words == ("dog",) * 3
    assert found.indices == (1,) * 3


def test_none_is_the_top_class_of_each_photo(net, kept):
    found = evaluate(net, kept, None)
    assert torch.equal(found.values, kept["logits"].amax(1))
    assert found.indices == tuple(kept["logits"].argmax(1).tolist())
    assert found.words == tuple(NAMES[index] for index in found.indices)


@pytest.mark.parametrize("wish", [("cat", "dog"), "cat rather than dog", targets.difference("cat", 1), (0, 1)])
def test_difference_of_two_classes(net, kept, wish):
    found = evaluate(net, kept, wish)
    assert torch.equal(found.values, kept["logits"][:, 0] - kept["logits"][:, 1])
    assert found.words == ("cat rather than dog",) * 3
    assert found.indices == (None,) * 3


def test_one_target_per_photo(net, kept):
    found = evaluate(net, kept, ["cat", ("dog", "cat"), None])
    logits = kept["logits"]
    assert torch.equal(found.values, torch.stack([logits[0, 0], logits[1, 1] - logits[1, 0], logits[2].amax()]))
    assert found.words[:2] == ("cat", "dog rather than cat")


def test_place_and_region_of_a_spatial_output(net, kept):
    one = evaluate(net, kept, targets.place("head.final", 1, 0, channel=5))
    assert torch.equal(one.values, kept["head.final"][:, 5, 1, 0])
    assert one.words[0] == "channel 5 of head.final at row 1, column 0"
    some = evaluate(net, kept, targets.region("stage4.0.branch0", (2, 5), (0, 3)))
    torch.testing.assert_close(some.values, kept["stage4.0.branch0"][:, :, 2:5, 0:3].sum((1, 2, 3)))
    assert some.words[0] == "all channels of stage4.0.branch0 in rows 2 to 4, columns 0 to 2"


def test_any_function_of_the_logits_or_of_several_sites(net, kept):
    def spread(logits):
        return logits.std(1)

    assert torch.equal(evaluate(net, kept, spread).values, kept["logits"].std(1))
    assert evaluate(net, kept, spread).words[0] == "spread"
    both = targets.score(
        lambda seen: seen["head.final"].mean((1, 2, 3)) + seen["logits"][:, 0], ["head.final", "logits"]
    )
    torch.testing.assert_close(
        evaluate(net, kept, both).values, kept["head.final"].mean((1, 2, 3)) + kept["logits"][:, 0]
    )
    assert read_target(net, both).sites == ("head.final", "logits")


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ("catt", r"knows no class 'catt'. Nearest: 'cat'. It has 7 classes: cat, dog"),
        (7, r"no class 7: the net has 7, 0 to 6"),
        (-1, r"no class -1"),
        ("cat rather than mouse", "knows no class 'mouse'"),
        ((0, 1, 2), "A tuple of 3 was given as target"),
        ([], "An empty list"),
        (targets.place("head.pool", 0, 0), "'head.pool' has no spatial extent"),
        (targets.place("head.final", 0, 0, channel=9999), "channel 9999 was asked for"),
        (targets.place("nowhere", 0, 0), "is not a site address"),
    ],
)
def test_what_cannot_be_a_target_is_a_sentence_before_anything_runs(net, wish, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_target(net, wish)


@pytest.mark.parametrize(("row", "column"), [(0.5, 0), (0, "1"), (None, 0)])
def test_a_cell_has_whole_numbers(row, column):
    with pytest.raises(TypeError, match="each is a pair of whole numbers"):
        targets.region("head.final", (row, 1), (column, 1))


@pytest.mark.parametrize("wish", [True, 1.5, {"cat"}, torch.tensor(0.5), np.zeros((2, 2), int), object()])
def test_other_things_are_no_target(net, wish):
    with pytest.raises(TypeError, match="target"):
        read_target(net, wish)


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (["cat", "dog"], "2 targets were given for 3 photos"),
        (lambda logits: logits.sum(), r"gave a tensor \(\) of torch.float32; one float per photo was expected"),
        (lambda logits: logits.argmax(1), r"of torch.int64; one float per photo"),
        (lambda logits: 1.0, r"gave 1.0; one float per photo was expected, shape \(3,\)"),
        (targets.region("head.final", (0, 3), (0, 1)), "has 2 x 2 cells for this photo; rows 0 to 2 were asked for"),
        (targets.region("head.final", (1, 1), (0, 1)), "rows 1 to 0 were asked for"),
    ],
)
def test_what_only_the_photos_can_tell_is_a_sentence_too(net, kept, wish, sentence):
    with pytest.raises(ValueError, match=sentence):
        evaluate(net, kept, wish)


@pytest.mark.parametrize("name", ["French Horn", "french_horn", " FRENCH  horn", 2, np.int64(2), torch.tensor(2)])
def test_one_lookup_for_everybody(net, kept, name):
    prediction = hv.predict(net, X)[0]
    assert find_output(net, name) == prediction.index(name) == 2
    assert prediction.probability(name) == float(prediction.probabilities[2])
    assert hv.cam(net, X, (name, "cat"), sites="head.final").targets[0] == "french_horn rather than cat"
    assert evaluate(net, kept, name).indices == (2,) * 3


@pytest.mark.parametrize("name", ["french", 7, -1, True, 1.5, np.bool_(True), torch.tensor([1, 2]), None])
def test_a_lookup_never_guesses(net, name):
    with pytest.raises((ValueError, TypeError), match="class"):
        find_output(net, name)
    with pytest.raises((ValueError, TypeError), match="class"):
        hv.predict(net, X)[0].rank(name)


def test_classes_of_the_same_name_are_told_apart():
    twice = copy.deepcopy(trained_like())
    twice.classes = ("crane", "crane", "ox", "Ox", "yak", "gnu", "elk")
    kept = hv.trace(twice, X, sites="logits")
    for number in range(7):
        [name] = set(evaluate(twice, kept, number).words)
        assert find_output(twice, name) == number
    assert hv.predict(twice, X)[0].name(1) == "crane (output 1)"
    with pytest.raises(ValueError, match=r"'crane' is the name of several outputs: 'crane \(output 0\)', 'crane \(ou"):
        find_output(twice, "crane")
    with pytest.raises(ValueError, match="'OX' is the name of several outputs: 'ox', 'Ox'"):
        find_output(twice, "OX")


def test_outputs_without_names_have_one_name_everywhere():
    net = trained_like()
    [best] = {hv.predict(net, X[:1])[0].best}
    assert best.startswith("output ")
    cams = hv.cam(net, X[:1], best, sites="head.final")
    assert cams.targets == hv.ablate(net, X[:1], "stem").words == (best,)
    assert hv.sweep(net, X[:1], ["stem"]).effects[0].base_top == best
    with pytest.raises(ValueError, match=r"outputs of this net have no names. Give an index from 0 to 6"):
        find_output(net, "cat")


def test_names_of_another_number_of_outputs_name_nothing(net):
    changed = copy.deepcopy(net)
    changed.classifier = torch.nn.Linear(2048, 3)
    assert hv.predict(changed, X)[0].best.startswith("output ")
    assert hv.cam(changed, X, 0, sites="head.final").targets == ("output 0",) * 3
    with pytest.raises(ValueError, match="class 'cat' was asked for by name"):
        find_output(changed, "cat")


@pytest.mark.parametrize(
    "close",
    [
        lambda top: top,
        lambda top: (top, 5),
        lambda top: (5, top),
        lambda top: targets.difference(top, targets.difference(1, top)),
        lambda top: targets.difference(top, targets.place("head.final", 0, 0)),
    ],
    ids=["top", "top rather", "rather top", "nested", "top rather than a cell"],
)
def test_an_open_class_stays_that_of_the_unedited_pass(close):
    net, closed = trained_like(), [close(top) for top in trained_like()(X).argmax(1).tolist()]
    sites = ["stage4.0.branch0", "stage2.0.branch0"]
    asked, known = (hv.ablate(net, X, "stage2.0.branch0", target=wish) for wish in (close(None), closed))
    torch.testing.assert_close(asked.score, known.score)
    assert asked.words == known.words
    swept = hv.sweep(net, X, sites, target=close(None))
    assert [effect.effect for effect in swept.effects if effect.item == sites[1]] == pytest.approx(
        known.effect.tolist(), rel=1e-4
    )
    for test in (partial(hv.attribution.sanity_check, net), partial(ablation_agreement, net, patches=2)):
        one, other = (test(X, wish, sites=sites[0]) for wish in (close(None), closed))
        assert one.targets == other.targets
        for name in ("similarity", "losses"):
            if hasattr(one, name):
                torch.testing.assert_close(getattr(one, name), getattr(other, name), equal_nan=True)


def test_open_classes_in_a_list_are_those_of_their_photos():
    net, tops = trained_like(), trained_like()(X).argmax(1).tolist()
    asked = hv.ablate(net, X, "stage2.0.branch0", target=[None, targets.difference(None, 2), 4])
    known = hv.ablate(net, X, "stage2.0.branch0", target=[tops[0], (tops[1], 2), 4])
    assert torch.equal(asked.score, known.score)
    with pytest.raises(ValueError, match="2 targets were given for 3 photos"):
        hv.ablate(net, X, "stem", target=[None, 1])
    for several in ([0, 1, 2], np.array([0, 1, 2]), torch.tensor([0, 1, 2])):
        with pytest.raises(TypeError, match="one target for all photos"):
            hv.sweep(net, X, ["stem"], target=several)
