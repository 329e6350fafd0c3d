"""Arrays and tensors in all usual layouts and number types."""

import numpy as np
import pytest
import torch

from hrnet_viz import PhotoError, read_image

BYTES = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "array",
    [
        BYTES,
        BYTES[None],
        BYTES.transpose(2, 0, 1),
        BYTES.transpose(2, 0, 1)[None],
        BYTES.astype(np.int64),
        BYTES / 255,
        (BYTES / 255).astype(np.float32),
        (BYTES / 255).astype(np.float16),
        BYTES.astype(np.uint16) * 257,
        (BYTES.astype(np.uint16) * 257).astype(">u2"),
        np.asfortranarray(BYTES),
        BYTES[::-1][::-1],
        np.dstack([BYTES, np.full((6, 7), 255, np.uint8)]),
    ],
)
def test_layouts_and_number_types_of_the_same_picture_agree(array):
    before = array.copy()
    np.testing.assert_array_equal(read_image(array).pixels, BYTES)
    np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize(
    "make",
    [
        lambda t: t,
        lambda t: t[None],
        lambda t: t / 255,
        lambda t: (t / 255).half(),
        lambda t: (t / 255).double().requires_grad_(),
        lambda t: t.permute(1, 2, 0),
        lambda t: t.long(),
        lambda t: torch.nn.Parameter(t / 255),
    ],
)
def test_tensors_of_the_same_picture_agree(make):
    np.testing.assert_array_equal(read_image(make(torch.from_numpy(BYTES).permute(2, 0, 1))).pixels, BYTES)


def test_a_bfloat16_tensor_is_near():
    tensor = (torch.from_numpy(BYTES).permute(2, 0, 1) / 255).bfloat16()
    assert np.abs(read_image(tensor).pixels.astype(int) - BYTES).max() <= 1


@pytest.mark.parametrize("shape", [(6, 7), (6, 7, 1), (1, 6, 7), (1, 1, 6, 7), (1, 6, 7, 1)])
def test_grey_in_every_layout(shape):
    grey = BYTES[:, :, 0]
    expected = np.repeat(grey[:, :, None], 3, axis=2)
    np.testing.assert_array_equal(read_image(grey.reshape(shape)).pixels, expected)
    np.testing.assert_array_equal(read_image(torch.from_numpy(grey.reshape(shape))).pixels, expected)


@pytest.mark.parametrize(("make", "one"), [(np.array, (1, 1, 3)), (torch.tensor, (3, 1, 1))])
def test_bool_becomes_black_and_white_and_one_pixel_is_a_picture(make, one):
    assert read_image(make([[True, False]])).pixels.tolist() == [[[255] * 3, [0] * 3]]
    assert read_image(make([0.2, 0.4, 1]).reshape(one)).pixels.tolist() == [[[51, 102, 255]]]


def test_alpha_lies_over_white_in_floats_and_bytes():
    floats = np.array([[[1, 0, 0, 0.2], [0, 0.5, 0, 1]]])
    expected = [[[255, 204, 204], [0, 128, 0]]]
    assert read_image(floats).pixels.tolist() == expected
    assert read_image(np.rint(floats * 255).astype(np.uint8)).pixels.tolist() == expected
    wide = np.repeat(floats, 5, axis=1)
    np.testing.assert_array_equal(read_image(wide.transpose(2, 0, 1)).pixels, read_image(wide).pixels)
    grey_alpha = np.array([[[100, 0], [100, 255]]], dtype=np.uint8)
    assert read_image(grey_alpha).pixels.tolist() == [[[255] * 3, [100] * 3]]


def test_blending_is_exact_for_every_value_and_alpha():
    value, alpha = np.mgrid[:256, :256].astype(np.uint8)
    blended = read_image(np.stack([value, alpha], axis=2)).pixels[:, :, 0]
    exact = value * (alpha / 255) + 255 * (1 - alpha / 255)
    assert np.abs(blended - exact).max() <= 0.5 + 1e-9


def test_a_shape_that_can_be_read_both_ways_follows_the_convention_of_its_library():
    both = np.arange(3 * 5 * 3, dtype=np.uint8).reshape(3, 5, 3)
    np.testing.assert_array_equal(read_image(both).pixels, both)
    np.testing.assert_array_equal(read_image(torch.from_numpy(both)).pixels, both.transpose(1, 2, 0))


def test_16_bits_are_rounded_to_the_nearest():
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    np.testing.assert_array_equal(read_image(values).pixels[:, :, 0], np.rint(values / 257))


def test_a_rounding_error_beside_0_and_1_is_forgiven():
    assert read_image(np.array([[-1e-6, 1 + 1e-6]])).pixels[0, :, 0].tolist() == [0, 255]


def test_an_object_with_array_is_read():
    class Holder:
        def __array__(self, dtype=None, copy=None):
            return BYTES

    np.testing.assert_array_equal(read_image(Holder()).pixels, BYTES)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.full((4, 5, 3), np.inf), "NaN or infinite"),
        (np.linspace(0, 255, 60).reshape(4, 5, 3), "divide it by 255"),
        (np.linspace(0, 9000, 60).reshape(4, 5, 3), "tone-map"),
        (np.linspace(-2, 2, 60).reshape(4, 5, 3), "Preparation.undo"),
        (np.full((4, 5, 3), 300), "from 300 to 300"),
        (np.zeros((0, 5, 3)), "no pixels"),
        (np.zeros((5, 6, 7)), r"An array of shape \(5, 6, 7\)"),
        (np.zeros((2, 4, 5, 3)), "a batch of 2"),
        (np.zeros(()), "shape of a picture"),
        (np.zeros((4, 5), complex), "plain numbers"),
        (np.array([[None, 1]]), "plain numbers"),
        (torch.zeros(7, 8, 9), r"A tensor of shape \(7, 8, 9\) and dtype float32"),
        (torch.randn(3, 8, 8) * 3, "Preparation.undo"),
    ],
)
def test_what_is_no_picture_gets_a_sentence(array, words):
    with pytest.raises(PhotoError, match=words) as caught:
        read_image(array)
    assert str(caught.value)[0] == "A"
    assert str(caught.value).endswith(".")
