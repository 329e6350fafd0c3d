"""Statistics per site, checked against numbers that can be worked out by hand."""

import numpy as np
import pytest
import torch

from hrnet_viz.activations.statistics import statistics
from hrnet_viz.canvas.panels import ORDERS, SiteMaps, check_index
from hrnet_viz.sites import SiteError
from hrnet_viz.tracing import Trace
from tests.nets.made_trace import made_trace


@pytest.fixture(scope="module")
def made():
    return made_trace(size=64)


def put(trace, **tensors):
    """The same trace with other numbers at some sites (dots written as two underscores)."""
    changed = {name.replace("__", "."): tensor for name, tensor in tensors.items()}
    return Trace(trace.plan, trace.input, {**trace, **changed}, trace.photos, trace.classes)


def test_numbers_of_one_site(made):
    values = torch.zeros(2, 16, 16, 16)
    values[0, 3] = 2.0
    values[1, 5, :8] = -4.0
    entry = statistics(put(made, stage2__0__branch0=values), "stage2.0.branch0").sites[0]
    assert entry.site.name == "stage2.0.branch0"
    assert entry.energy == pytest.approx((4 * 256 + 16 * 128) / (2 * 16 * 256))
    assert entry.mean == pytest.approx(0.0)
    assert (entry.lowest, entry.highest) == (-4.0, 2.0)
    assert entry.sparsity == pytest.approx(1 - (256 + 128) / (2 * 16 * 256))
    assert entry.negative == pytest.approx(128 / (2 * 16 * 256))
    assert entry.dead == tuple(channel for channel in range(16) if channel not in (3, 5))
    assert entry.dead_share == pytest.approx(14 / 16)


def test_a_channel_is_alive_when_any_photo_wakes_it(made):
    values = torch.zeros(2, 16, 16, 16)
    values[1, 0, 15, 15] = 1e-30
    entry = statistics(put(made, stage2__0__branch0=values), "stage2.0.branch0").sites[0]
    assert entry.dead == tuple(range(1, 16))
    assert entry.sparsity < 1


def test_half_precision_does_not_overflow(made):
    values = torch.full((2, 16, 16, 16), 60000.0, dtype=torch.float16)
    entry = statistics(put(made, stage2__0__branch0=values), "stage2.0.branch0").sites[0]
    assert entry.energy == pytest.approx(float(values[0, 0, 0, 0]) ** 2)


def test_measures_what_comes_out_of_relu_unless_told_otherwise(made):
    found = statistics(made)
    assert (found.owner, found.photos) == ("hrnet_w18_small_v1", 2)
    assert [entry.site.name for entry in found.sites] == [
        site.name for site in made.sites if site.kind not in ("fuse_path", "fuse_sum", "logits") and site.stride
    ]
    assert all(entry.negative == 0 for entry in found.sites)
    assert {entry.site.kind for entry in statistics(made, "stage2.0.fuse*").sites} == {"fuse_path"}


def test_negative_share_of_a_sum_is_what_its_relu_removes(made):
    before = statistics(made, "stage3.0.sum1").sites[0]
    after = statistics(made, "stage3.0.out1").sites[0]
    zeros = float((made["stage3.0.sum1"] == 0).double().mean())
    assert after.sparsity == pytest.approx(before.negative + zeros)


def test_pooled_numbers_and_logits_can_be_measured_too(made):
    entry = statistics(made, ["head.pool", "logits"])["logits"]
    assert entry.highest == pytest.approx(float(made["logits"].max()))


def test_results_are_found_by_site(made):
    found = statistics(made, ["stem", "stage1"])
    assert found["stage1"].site.channels == made["stage1"].shape[1]
    with pytest.raises(KeyError, match=r"no statistics of 'stage2.0.out0' here; ask for them: statistics"):
        found["stage2.0.out0"]


def test_unknown_and_missing_sites_are_answered_in_sentences(made):
    with pytest.raises(SiteError, match="does not have it"):
        statistics(made, "stage9.0.branch0")
    with pytest.raises(SiteError, match="this trace did not keep it"):
        statistics(made_trace(size=64, drop=("stem",)), "stem")


def ranked(*maps):
    return SiteMaps(None, np.stack([np.array(one, float)[None] for one in maps]), range(len(maps))).rank


def test_channels_are_ranked_by_what_was_asked_for():
    rank = ranked([1, 1], [0, 1.9], [-3, 0])
    assert [rank(by) for by in ORDERS] == [(0, 1, 2), (0, 1, 2), (1, 0, 2), (2, 1, 0)]
    assert ranked(*[[0, 0]] * 50)("energy") == tuple(range(50))  # equal channels stay in order
    with pytest.raises(ValueError, match="ordered by index, mean, max, energy; 'size' was given"):
        rank("size")


def test_numbers_of_photos():
    assert check_index(np.int64(1), 2) == 1
    with pytest.raises(IndexError, match="index=2 was asked for, but there are photos 0 to 1"):
        check_index(2, 2)
    with pytest.raises(IndexError, match="there is only photo 0"):
        check_index(-1, 1)
