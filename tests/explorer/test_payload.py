"""What travels: indices that are at most half a step off, floats to the bit, in the layout that the page reads."""

import numpy as np
import pytest

from hrnet_viz.explorer.answers import pack_floats, pack_maps, quantise


def restore(indices, low, high):
    step = (high.astype(float) - low) / 255
    return low[:, None, None] + indices * step[:, None, None], step


def test_indices_are_at_most_half_a_step_off():
    values = (np.random.default_rng(0).normal(size=(5, 7, 6)) * [[[1e-6]], [[1]], [[1e6]], [[-3]], [[0]]]).astype("f4")
    indices, low, high = quantise(values)
    assert indices.dtype == np.uint8
    np.testing.assert_array_equal(low, values.min((1, 2)))
    np.testing.assert_array_equal(high, values.max((1, 2)))
    restored, step = restore(indices, low, high)
    assert (np.abs(restored - values).max((1, 2)) <= step / 2 * 1.0001).all()
    assert (indices[4] == 0).all()  # a constant map


def test_what_is_not_finite_does_not_spoil_the_scale():
    values = np.array([[[0.0, 1.0], [np.nan, np.inf]], [[np.nan] * 2] * 2, [[-np.inf, 0], [2, 1]]], "f4")
    indices, low, high = quantise(values)
    assert (low.tolist(), high.tolist()) == ([0, 0, 0], [1, 0, 2])
    assert indices.tolist() == [[[0, 255], [0, 255]], [[0, 0], [0, 0]], [[0, 0], [255, 128]]]
    assert pack_maps(values, signed=True).meta["unfinite"] == 7


def test_the_layout_of_maps_is_the_one_that_the_page_reads():
    values = np.random.default_rng(1).normal(size=(3, 4, 5)).astype("f4")
    answer = pack_maps(values, signed=True)
    assert (answer.meta["channels"], answer.meta["rows"], answer.meta["columns"]) == (3, 4, 5)
    floats = np.frombuffer(answer.data[: 4 * (4 * 3 + 20)], "<f4")
    numbers, rms = floats[:12].reshape(4, 3), floats[12:].reshape(4, 5)
    np.testing.assert_allclose(numbers[2], values.mean((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(numbers[3], (values**2).mean((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(rms, np.sqrt((values**2).mean(0)), rtol=1e-5)
    np.testing.assert_array_equal(np.frombuffer(answer.data[4 * 32 :], np.uint8).reshape(3, 4, 5), quantise(values)[0])


@pytest.mark.parametrize("dtype", ["f4", ">f4", "f8"])
def test_floats_travel_to_the_bit(dtype):
    values = np.random.default_rng(2).normal(size=(2, 3, 4)).astype("f4")
    answer = pack_floats(values.astype(dtype))
    np.testing.assert_array_equal(np.frombuffer(answer.data, "<f4").reshape(2, 3, 4), values)
