"""Deletion and insertion on a net whose truth is known."""

import pytest
import torch

from hrnet_viz.attribution.covering import deletion, make_blank, probabilities, rank_cells
from tests.nets.corner_net import CornerNet, corner_map, maps_of

SITE = "stage4.0.branch0"


@pytest.mark.parametrize("kind", ["deletion", "insertion"])
def test_the_true_map_beats_chance_and_its_opposite_loses(kind):
    net = CornerNet()
    true = deletion(net, maps_of(corner_map(), n=12), kind=kind, steps=8, blank="mean")[SITE]
    false = deletion(net, maps_of(-corner_map(), n=12), kind=kind, steps=8, blank="mean")[SITE]
    assert true.gain.is_above(0.05)
    assert false.gain.high < -0.05
    assert torch.equal(true.random, false.random)


def test_curves_start_and_end_with_the_whole_photo_and_the_blank():
    net, cams = CornerNet(), maps_of(corner_map())
    indices = torch.zeros(3, dtype=torch.long)
    whole, blank = probabilities(net, cams.input, indices), torch.full((3,), 0.5)
    down = deletion(net, cams, kind="deletion", steps=4)[SITE]
    torch.testing.assert_close(down.scores[:, 0], whole)
    torch.testing.assert_close(down.scores[:, -1], blank)
    # the four cells that count are a quarter of sixteen: after the first of four steps nothing is left to lose
    torch.testing.assert_close(down.scores[:, 1], blank)
    up = deletion(net, cams, kind="insertion", steps=4, blank="mean")[SITE]
    torch.testing.assert_close(up.scores[:, 0], blank)
    torch.testing.assert_close(up.scores[:, 1:], whole[:, None].expand(-1, 4))


def test_areas_are_those_of_the_curves():
    curves = deletion(CornerNet(), maps_of(corner_map()), steps=2)[SITE]
    expected = 0.5 * (0.5 * curves.scores[:, 0] + curves.scores[:, 1] + 0.5 * curves.scores[:, 2])
    torch.testing.assert_close(curves.areas, expected)


def test_a_map_without_knowledge_is_chance():
    curves = deletion(CornerNet(), maps_of(torch.zeros(8, 8), n=40), steps=8, draws=3)[SITE]
    assert curves.gain.low < 0 < curves.gain.high


def test_ties_go_in_random_order_but_values_first():
    ranks = rank_cells(torch.tensor([[[0.0, 0.0, 5.0, 0.0], [0.0, 0.0, 0.0, 7.0]]]).expand(50, -1, -1), seed=0)
    assert (ranks[:, 1, 3] == 0).all()
    assert (ranks[:, 0, 2] == 1).all()
    assert len(ranks[:, 0, 0].unique()) > 3
    assert torch.equal(ranks.flatten(1).sort(1).values, torch.arange(8).expand(50, -1))


def test_what_was_done_is_written_down_and_repeats():
    cams = maps_of(corner_map())
    one, two = (deletion(CornerNet(), cams, steps=4, seed=5)[SITE] for _ in range(2))
    assert torch.equal(one.random, two.random)
    assert (one.method, one.kind, one.blank, one.seed, one.draws) == ("hirescam", "deletion", "mean", 5, 2)
    assert one.photos == ("photo 0", "photo 1", "photo 2")
    with pytest.raises(AttributeError):
        one.seed = 6


def test_batches_are_kept_small():
    net = CornerNet()
    deletion(net, maps_of(corner_map(), n=5), steps=2, batch=2)
    assert max(net.seen) == 2


def test_blur_keeps_the_mean_colour_and_takes_the_structure():
    x = maps_of(corner_map()).input
    blurred = make_blank(x, "blur")
    torch.testing.assert_close(blurred.mean((2, 3)), x.mean((2, 3)), atol=0.02, rtol=0)
    assert blurred.std() < 0.5 * x.std()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"kind": "delete"}, "curves are made for 'deletion' or 'insertion'"),
        ({"blank": "black"}, "replaced by their 'mean' or by a 'blur'"),
        ({"steps": 0}, "whole number from 1 on"),
        ({"batch": 0}, "whole number from 1 on"),
        ({"sites": ["stem"]}, "no map was asked for there"),
        ({"sites": "stem"}, "no map was asked for there"),
    ],
)
def test_refusals(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        deletion(CornerNet(), maps_of(corner_map()), **arguments)


def test_a_target_that_is_no_class_has_no_probability():
    with pytest.raises(ValueError, match="but the target of these maps is 'a bright corner'"):
        deletion(CornerNet(), maps_of(corner_map(), indices=(0, None, 0)))


def test_progress_is_silent_unless_asked_for(capsys):
    deletion(CornerNet(), maps_of(corner_map()), steps=1)
    assert capsys.readouterr() == ("", "")
    deletion(CornerNet(), maps_of(corner_map()), steps=1, progress=True)
    assert "deletion, hirescam" in capsys.readouterr().err
