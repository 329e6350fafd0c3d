"""Curves of a scaled part: every logit over the factor, and the tangent at factor 1."""

import numpy as np
import pytest
import torch

from hrnet_viz.interventions.first_order_figures import response_curves
from tests.nets.made_trace import axes_called, complain_about_words


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_tangent_touches_the_curve_at_factor_one(theme):
    factors = [0.0, 0.5, 1.0, 2.0]
    logits = torch.tensor([[1.0, 4.0], [1.0, 4.5], [1.0, 5.0], [1.0, 8.0]])
    picture = response_curves(
        factors, logits, ("dog", "cat"), target=1, slope=1.5, site="stage4.0.fuse3<-0", theme=theme
    )
    [axes] = axes_called(picture, "curves")
    [tangent] = [line for line in axes.lines if line.get_linestyle() == "--" and len(line.get_xdata()) == 4]
    np.testing.assert_allclose(tangent.get_ydata(), [3.5, 4.25, 5.0, 6.5])
    assert "cat is at 4 when it is switched off, 5 untouched, 8 at factor 2; the gradient predicts 3.5" in picture.alt
    assert not complain_about_words(picture)
