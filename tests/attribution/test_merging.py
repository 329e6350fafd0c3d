"""Enlarging and merging of maps: two choices, neither made for the user."""

import pytest
import torch

from hrnet_viz.attribution.cams import merge, scale_each, upsample

SMALL = torch.tensor([[[1.0, -2.0], [0.0, 4.0]]])


def test_cells_stay_cells():
    large = upsample(SMALL, (4, 6), "cells")
    assert torch.equal(large, SMALL.repeat_interleave(2, 1).repeat_interleave(3, 2))
    assert large.mean() == SMALL.mean()  # so a density keeps its mean


def test_bilinear_is_smooth_and_stays_within_the_values():
    large = upsample(SMALL, (8, 8), "bilinear")
    assert large[0, 0, 0] == 1.0
    assert large[0, -1, -1] == 4.0
    assert len(large.unique()) > 4
    assert large.min() >= -2
    assert large.max() <= 4


def test_scaling_keeps_signs_and_survives_zeros():
    both = torch.cat([SMALL, torch.zeros_like(SMALL)])
    scaled = scale_each(both)
    assert torch.equal(scaled[0], SMALL[0] / 4)
    assert not scaled[1].any()


def test_merging_takes_the_size_of_the_largest_and_scales_unless_told():
    fine = torch.ones(1, 4, 4) * 100
    mean = merge([fine, SMALL])
    torch.testing.assert_close(mean, (1 + upsample(SMALL / 4, (4, 4))) / 2)
    raw = merge([fine, SMALL], scaled=False)
    torch.testing.assert_close(raw, (100 + upsample(SMALL, (4, 4))) / 2)
    assert merge([fine, SMALL], "max").min() == 1
    assert merge([fine, SMALL.clamp(min=0)], "product")[0, 0, -1] == 0


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: upsample(SMALL, (4, 4), "smooth"), "enlarge='smooth' was given; maps are enlarged as 'cells' or 'bil"),
        (lambda: upsample(SMALL[0], (4, 4)), r"this tensor has shape \(2, 2\)"),
        (lambda: merge([]), "no maps"),
        (lambda: merge([SMALL], "sum"), "merged by 'mean', 'max' or 'product'"),
        (lambda: merge([SMALL, SMALL], "product"), "two negative values would make a positive one"),
        (lambda: merge([SMALL, torch.cat([SMALL, SMALL])]), "maps of 1, 2 photos"),
    ],
)
def test_refusals_are_sentences(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
