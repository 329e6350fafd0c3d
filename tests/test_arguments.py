"""Arguments of the wrong kind: one short sentence that says what was given, whatever it was, and no whole tensors."""

import numpy as np
import pytest
import torch

import hrnet_viz as hv
from tests.nets.trained_like import photos, trained_like

NET = trained_like()
X = photos(1)
TRACE = hv.trace(NET, X)
PHOTO = hv.photo("cat")


def some(wrong):
    """Where None is the default, another wrong thing."""
    return {} if wrong is None else wrong


WRONG = {
    "a tensor": torch.randn(500),
    "a module": NET.stage4,
    "an array": np.zeros((9, 9)),
    "None": None,
    "bytes": b"x",
}

ASKED = {
    "trace sites": lambda wrong: hv.trace(NET, X, sites=wrong),
    "run keep": lambda wrong: hv.run(NET, X, keep=wrong),
    "trace site": lambda wrong: hv.trace(NET, X, sites="stem")[wrong],
    "ablate sites": lambda wrong: hv.ablate(NET, X, wrong),
    "ablate edit": lambda wrong: hv.ablate(NET, X, "stem", wrong),
    "ablate channels": lambda wrong: hv.ablate(NET, X, [("stem", [wrong])]),
    "ablate pairs": lambda wrong: hv.interventions.pairs(NET, X, wrong),
    "sweep over": lambda wrong: hv.sweep(NET, X, wrong),
    "sweep edit": lambda wrong: hv.sweep(NET, X, ["stem"], wrong),
    "forecast over": lambda wrong: hv.interventions.first_order(NET, X, wrong),
    "cam sites": lambda wrong: hv.cam(NET, X, sites=[wrong]),
    "cam method": lambda wrong: hv.cam(NET, X, method=wrong),
    "cam target": lambda wrong: hv.cam(NET, X, (wrong, wrong) if wrong is not None else b"x"),
    "class": hv.predict(NET, X)[0].rank,
    "maps in batches": lambda wrong: hv.cam(NET, X, method=wrong, batch=1),
    "sanity sites": lambda wrong: hv.attribution.sanity_check(NET, photos(2), sites=wrong),
    "contributions sites": lambda wrong: hv.exchanges.contributions(NET, X, sites=wrong),
    "spread": lambda wrong: hv.exchanges.contributions(NET, X, sites="stem").spread("stem", wrong),
    "statistics sites": lambda wrong: hv.activations.statistics(hv.trace(NET, X), [wrong]),
    "field site": lambda wrong: hv.receptive_fields.theoretical(NET, wrong),
    "field exchanges": lambda wrong: hv.receptive_fields.theoretical(
        NET, "stem", exchanges=wrong if wrong is not None else "all"
    ),
    "sites kind": lambda wrong: NET.sites(kind=wrong if wrong is not None else 3),
    "sites stage": lambda wrong: NET.sites(stage=wrong if wrong is not None else "4"),
    "a statistic": lambda wrong: hv.activations.statistics(hv.trace(NET, X))[wrong],
    "figure index": lambda wrong: hv.figures.channel_grid(hv.trace(NET, X, sites="stem"), "stem", index=wrong),
    "figure site": lambda wrong: hv.figures.channel_grid(hv.trace(NET, X), wrong),
    "figure scale": lambda wrong: hv.figures.channel_grid(hv.trace(NET, X, sites="stem"), "stem", scale=wrong),
    "figure order": lambda wrong: hv.figures.channel_grid(hv.trace(NET, X, sites="stem"), "stem", sort=wrong),
    "figure show": lambda wrong: hv.figures.branch_maps(hv.trace(NET, X), "stage4.0", show=wrong),
    "figure channel": lambda wrong: hv.figures.exchange_steps(TRACE, "stage4.0.sum0", channel=some(wrong)),
    "figure most": lambda wrong: hv.figures.channel_grid(TRACE, "stem", most=wrong),
    "figure width": lambda wrong: hv.figures.channel_grid(TRACE, "stem", width_in=wrong),
    "trace store_dtype": lambda wrong: hv.trace(NET, X, store_dtype=some(wrong)),
    "trace store_device": lambda wrong: hv.trace(NET, X, store_device="gpu" if wrong is None else wrong),
    "run photo": lambda wrong: hv.run(NET, ["x"] if isinstance(wrong, torch.Tensor) else wrong),
    "run base": lambda wrong: hv.run(NET, base=some(wrong)),
    "run edits": lambda wrong: hv.run(NET, X, edit=[wrong]),
    "run edit": lambda wrong: hv.run(NET, X, edit={"stem": wrong}),
    "variant": hv.hrnet,
    "outputs": lambda wrong: hv.hrnet("hrnet_w18_small_v1", num_outputs="5" if wrong is None else wrong),
    "top": hv.predict(NET, X)[0].top,
    "field cell": lambda wrong: hv.receptive_fields.effective(NET, X, "stem", cell=some(wrong)),
    "field channel": lambda wrong: hv.receptive_fields.effective(NET, X, "stem", channel=some(wrong)),
    "box size": lambda wrong: hv.receptive_fields.theoretical(NET, "stem").box((0, 0), wrong),
    "head size": lambda wrong: hv.heads.table(NET, wrong),
    "heads size": lambda wrong: hv.heads.choices(NET, 224, wrong),
    "pointing photos": lambda wrong: hv.attribution.pointing_game(NET, TRACE, [0]),
    "pointing grid": lambda wrong: hv.attribution.pointing_game(NET, [PHOTO], [0], grid=wrong),
    "deletion steps": lambda wrong: hv.attribution.deletion(NET, hv.cam(NET, X, 0, sites="stem"), steps=wrong),
    "other photo": lambda wrong: hv.ablate(NET, X, "stem", hv.Patch(3 if wrong is None else wrong)),
}


# A module is a function; 500 numbers are what an edit may put there, only not here, and numbers can be a picture.
SENSIBLE = {("sanity sites", "None"), ("cam target", "a module"), ("run edit", "a module"), ("other photo", "an array")}


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        (asked, wrong)
        for asked in ASKED
        for wrong in WRONG
        if (asked, wrong) not in SENSIBLE
        and (wrong != "an array" or not asked.startswith(("figure s", "figure o", "spread")))
    ],
)
def test_a_wrong_argument_is_told_in_a_short_sentence(asked, wrong):
    if (asked, wrong) == ("trace sites", "None"):
        assert len(hv.trace(NET, X, sites=None)) == len(NET.plan.landmarks)  # as for hv.cam: what is usual
        return
    with pytest.raises((ValueError, TypeError, IndexError)) as caught:
        ASKED[asked](WRONG[wrong])
    sentence = str(caught.value)
    assert len(sentence) < 330
    assert sentence.endswith((".", "?"))
    assert "tensor(" not in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("factor", [0.5, np.float32(0.5), torch.tensor(0.5)])
def test_factors_of_every_library(factor):
    torch.testing.assert_close(hv.ablate(NET, X, "stem", factor).logits, hv.ablate(NET, X, "stem", 0.5).logits)


@pytest.mark.parametrize("k", [0, -1, 2.0])
def test_the_best_classes_are_counted_from_one(k):
    with pytest.raises(ValueError, match="a whole number from 1 on was expected"):
        hv.predict(NET, X)[0].top(k)


def test_effects_are_drawn_over_the_net_that_was_swept():
    with torch.device("meta"):
        other = hv.hrnet("hrnet_w18")
    sweep = hv.sweep(NET, X, ["stage4.0.fuse0<-3"])
    hv.figures.effect_diagram(NET, sweep)
    with pytest.raises(
        ValueError, match=r"sweep is of hrnet_w18_small_v1, the net is hrnet_w18\. Give the net that was"
    ):
        hv.figures.effect_diagram(other, sweep)


@pytest.mark.parametrize("stage", [4, np.int64(4), torch.tensor(4)])
def test_sites_of_a_stage(stage):
    assert NET.sites(stage=stage) == NET.sites(stage=4) != ()


@pytest.mark.parametrize("given", [{"stage": "4"}, {"stage": 5}, {"module": 9}, {"branch": -1}, {"stage": True}])
def test_a_stage_that_there_is_not_is_no_empty_list(given):
    [(key, value)] = given.items()
    with pytest.raises(ValueError, match=rf"{key}={value!r} was given; hrnet_w18_small_v1 has {key} "):
        NET.sites(**given)


@pytest.mark.parametrize(
    "use",
    [
        lambda: hv.ablate(NET, X, []),
        lambda: hv.sweep(NET, X, []),
        lambda: hv.exchanges.contributions(NET, X, sites=[]),
        lambda: hv.interventions.pairs(NET, X, []),
    ],
)
def test_nothing_given_is_told(use):
    with pytest.raises(ValueError, match=r"No site was given|none was given"):
        use()
