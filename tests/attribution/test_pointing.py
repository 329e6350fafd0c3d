"""The pointing game, played with maps whose skill is known."""

import copy

import numpy as np
import pytest
import torch

import hrnet_viz.attribution.pointing as game
from hrnet_viz.attribution.cams import Cams
from hrnet_viz.attribution.pointing import pointing_game, rate, write_verdict
from hrnet_viz.photos.photo import Photo
from hrnet_viz.photos.preparation import Preparation
from tests.nets.trained_like import trained_like

COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
SITE = "stage4.0.branch0"


@pytest.fixture(scope="module")
def net():
    small = copy.deepcopy(trained_like())
    small.classes = ("red", "green", "blue", "d", "e", "f", "g")
    small.preparation = Preparation(size=(64, 64), fit="crop", crop_fraction=0.875)
    return small


def plain(index, n):
    """A photo of one colour with a black rim at the top, which a crop of the mosaic would take away."""
    pixels = np.full((20, 30, 3), COLOURS[index], dtype=np.uint8)
    pixels[:2] = 0
    return Photo(pixels, f"{n}")


CLASSES = [0, 1, 2, 0, 1, 2, 1, 2]
PHOTOS = [plain(index, n) for n, index in enumerate(CLASSES)]


@pytest.fixture
def playing(net, monkeypatch):
    """Play with maps made by a function of (input (N, 3, H, W), classes)."""

    def play(make, **options):
        seen = []

        def fake(_, x, target, *, method, sites):  # called as cam is
            seen.append((x, target))
            maps = make(x, target)
            n = len(x)
            plan, empty = net.plan, torch.zeros(n)
            return {one: Cams(plan, {SITE: maps}, one, ("",) * n, tuple(target), empty, x) for one in method}

        monkeypatch.setattr(game, "cam", fake)
        return pointing_game(net, PHOTOS, CLASSES, sites=SITE, **options), seen

    return play


def knows(x, target):
    """What a perfect map shows: how much of the colour of the class each cell has."""
    own = torch.stack([x[n, index] for n, index in enumerate(target)])
    others = x.sum(1) - own
    return torch.nn.functional.avg_pool2d((own - others)[:, None], 4)[:, 0]


def looks_left(x, _):
    maps = torch.zeros(len(x), 16, 16)
    maps[:, 5, 2] = 1
    return maps


def test_perfect_maps_always_hit_and_blind_ones_score_exactly_at_chance(playing):
    perfect, _ = playing(knows)
    assert perfect.accuracy("gradcam", SITE).value == 1.0
    assert perfect.hits[0, 0].mean(0).tolist() == [1.0] * 4
    assert "points best: 100% hits" in write_verdict(perfect)
    assert "better than the 25% of chance" in write_verdict(perfect)
    blind, _ = playing(looks_left)
    assert blind.accuracy("gradcam", SITE).value == blind.chance == 0.25
    assert blind.hits[0, 0].mean(0).tolist() == [1.0, 0.0, 0.0, 0.0]  # a bias to a place shows here
    assert "not clearly better than" in write_verdict(blind)


def test_a_map_of_nothing_is_chance_and_says_so(playing):
    nothing, _ = playing(lambda x, _: torch.zeros(len(x), 5, 5))
    assert nothing.accuracy("gradcam", SITE).value == pytest.approx(0.25)
    assert nothing.energy_inside("gradcam", SITE).value == pytest.approx(0.25)
    assert nothing.silent.all()


def test_mosaics_are_whole_hold_other_classes_and_every_position(playing):
    _, seen = playing(knows, batch=3)
    assert [len(x) for x, _ in seen] == [12, 12, 8]
    x, target = seen[0]
    assert x.shape[2:] == (64, 64)
    corners = x[:, :, [8, 8, 56, 56], [8, 56, 8, 56]]  # one point in each photo of the mosaic, (N, 3, 4)
    for k in range(12):
        colours = corners[k].argmax(0).tolist()
        assert colours.count(target[k]) == 1
        assert colours[k % 4] == target[k]
    black = Preparation().tensor(Photo(np.zeros((9, 9, 3), dtype=np.uint8)))[0, :, 0, 0]
    torch.testing.assert_close(x[0, :, 0, 0], black)  # the rim is there although the net's preparation would crop it


def test_the_game_repeats_with_its_seed(playing):
    one, two, other = (playing(knows, seed=seed)[1][0][0] for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_a_cell_on_the_border_counts_with_its_share():
    boxes = torch.zeros(1, 10, 10, dtype=torch.bool)
    boxes[:, :5, :5] = True
    maps = torch.zeros(1, 5, 5)
    maps[0, 2, 2] = 1.0  # rows and columns 4 and 5: a quarter inside
    hits, energy, silent = rate(maps, boxes)
    assert (float(hits), float(energy), float(silent)) == (0.25, 0.25, 0.0)
    maps[0, 0, 0] = 1.0  # equally high, all inside
    assert float(rate(maps, boxes)[0]) == (1 + 0.25) / 2
    maps[0, 4, 4] = -9.0
    assert float(rate(maps, boxes)[1]) == (1 + 0.25) / 2  # negative values are no evidence


def test_a_real_net_plays_with_several_methods_and_sites(net):
    played = pointing_game(
        net, PHOTOS[:4], ["red", "green", "blue", "red"], method=["gradcam", "hirescam"], grid=(1, 2)
    )
    assert played.hits.shape == (2, 4, 4, 2)
    assert played.chance == 0.5
    assert played.sites == tuple(f"stage4.0.branch{b}" for b in range(4))
    assert played.classes == (0, 1, 2, 0)
    with pytest.raises(ValueError, match=r"'layercam' at 'stage4.0.branch0' was not tried"):
        played.accuracy("layercam", SITE)


@pytest.mark.parametrize(
    ("photos", "classes", "options", "sentence"),
    [
        (PHOTOS, CLASSES[:3], {}, "3 classes were given for 8 photos"),
        (PHOTOS[:2], CLASSES[:2], {}, r"needs 3 photos of other classes beside one of class 0.*but there are 1"),
        (PHOTOS, CLASSES, {"grid": (1, 1)}, "nothing to point away from"),
        (PHOTOS, ["mouse"] * 8, {}, "knows no class 'mouse'"),
    ],
)
def test_refusals(net, photos, classes, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        pointing_game(net, photos, classes, **options)


def test_parts_of_a_game_give_together_the_whole(playing):
    def tells_mosaics_apart(x, _):
        return torch.nn.functional.avg_pool2d(x[:, :1] - 2 * x[:, 1:2], 4)[:, 0]

    whole, _ = playing(tells_mosaics_apart)
    parts = [playing(tells_mosaics_apart, searched=part)[0] for part in (range(3), range(3, 8))]
    assert torch.equal(torch.cat([part.energy for part in parts], 2), whole.energy)
    assert parts[1].photos == whole.photos[3:]
    assert parts[1].classes == whole.classes[3:]
