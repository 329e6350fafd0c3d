"""Each method against its equation written as loops, and against what the papers promise about it."""

import pytest
import torch

from hrnet_viz.attribution.methods import METHODS, NAMES, read_methods

N, C, H, W = 2, 3, 4, 5


@pytest.fixture
def made():
    """Activations as after a ReLU, and gradients of both signs."""
    generator = torch.Generator().manual_seed(1)
    activation = torch.randn(N, C, H, W, generator=generator, dtype=torch.double).clamp(min=0)
    return activation, torch.randn(N, C, H, W, generator=generator, dtype=torch.double) * 0.1


def by_loops(weight, activation, gradient):
    """Sum over k of weight(A_k, g_k) * A_k, channel by channel; a weight may differ from cell to cell."""
    maps = torch.zeros(N, H, W, dtype=torch.double)
    for n in range(N):
        for k in range(C):
            maps[n] += weight(activation[n, k], gradient[n, k]) * activation[n, k]
    return maps


def alpha(a, g):
    return torch.stack([x**2 / (2 * x**2 + a.sum() * x**3) * max(x, 0) for x in g.flatten()]).sum()


EQUATIONS = {
    "gradcam": lambda a, g: g.sum() / (H * W),
    "gradcam++": alpha,
    "xgradcam": lambda a, g: (g * a / a.sum()).sum(),
    "hirescam": lambda a, g: g,
    "layercam": lambda a, g: g.clamp(min=0),
    "cam": lambda a, g: g.sum(),
}


@pytest.mark.parametrize("name", METHODS)
def test_equation(name, made):
    expected = by_loops(EQUATIONS[name], *made)
    torch.testing.assert_close(METHODS[name](*made), expected, rtol=1e-12, atol=1e-12)


def test_every_method_has_a_name_for_figures():
    assert set(NAMES) == set(METHODS) == set(EQUATIONS)


def test_xgradcam_conserves_the_sum_of_gradient_times_activation(made):
    activation, gradient = made
    total = (activation * gradient).sum((1, 2, 3))
    torch.testing.assert_close(METHODS["xgradcam"](*made).sum((1, 2)), total)
    assert not torch.allclose(METHODS["gradcam"](*made).sum((1, 2)), total)  # which is why it was invented


def test_no_method_drops_what_speaks_against_the_target(made):
    activation, gradient = made
    for name in ("gradcam", "xgradcam", "hirescam", "cam"):
        torch.testing.assert_close(METHODS[name](activation, -gradient), -METHODS[name](activation, gradient))


@pytest.mark.parametrize("name", METHODS)
def test_silent_channels_and_zero_gradients_give_zero_and_no_nan(name):
    zeros, ones = torch.zeros(1, 2, 3, 3), torch.ones(1, 2, 3, 3)
    assert not METHODS[name](zeros, ones).any()
    assert not METHODS[name](ones, zeros).any()


def test_gradcam_pp_does_not_depend_on_an_epsilon(made):
    """Both halves of alpha shrink with g squared, so tiny gradients weigh as their ratio says."""
    activation, gradient = made
    tiny = METHODS["gradcam++"](activation, gradient * 1e-9) * 1e9
    expected = by_loops(lambda _, g: (g.clamp(min=0) / 2).sum(), activation, gradient)  # g^3 is nothing beside g^2
    torch.testing.assert_close(tiny, expected, rtol=1e-6, atol=0)


def test_gradcam_pp_leaves_cells_out_where_alpha_has_no_meaning():
    activation = torch.tensor([[[[-30.0, 1.0]]]])
    gradient = torch.tensor([[[[0.1, 0.001]]]])  # denominators 2 - 2.9 and 2 - 0.029
    expected = activation[:, 0] * 0.001 / (2 - 0.029)
    torch.testing.assert_close(METHODS["gradcam++"](activation, gradient), expected)


def test_unknown_method_is_a_sentence_with_the_known_ones():
    with pytest.raises(ValueError, match=r"There is no method 'grad-cam'. Methods are: gradcam, gradcam\+\+"):
        read_methods("grad-cam")
    with pytest.raises(ValueError, match=r"exists at head\.final alone"):
        read_methods(["gradcam", "cam"], everywhere=True)
    with pytest.raises(ValueError, match="No method was given"):
        read_methods([])
    assert read_methods(["hirescam", "hirescam"]) == ("hirescam",)
