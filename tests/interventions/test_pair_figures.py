"""The matrix of pairs: effects alone on the diagonal, what a pair adds beside it, and the same in words."""

import numpy as np
import pytest
import torch

from hrnet_viz.interventions.ablation import PairEffects
from hrnet_viz.interventions.figures import pair_matrix
from tests.nets.made_trace import axes_called, complain_about_words

TOGETHER = torch.tensor([[[1.0, 3.1, 3.4], [3.1, 2.0, 5.2], [3.4, 5.2, 3.0]]], dtype=torch.float64)


def made(sites=("stage4.0.fuse2<-0", "stage4.0.fuse2<-1", "stage4.0.fuse2<-2"), n=1):
    return PairEffects(sites, ("cat", "dog")[:n], ("cat",) * n, "zero", TOGETHER.repeat(n, 1, 1))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_shows_effects_alone_and_what_pairs_add(theme):
    picture = pair_matrix(made(), theme=theme)
    [axes] = axes_called(picture, "pairs")
    expected = [[1, 0.1, -0.6], [0.1, 2, 0.2], [-0.6, 0.2, 3]]
    np.testing.assert_allclose(axes.images[0].get_array(), expected, atol=1e-9)
    assert "adds the most, −0.6, is stage4.0.fuse2<-0 with stage4.0.fuse2<-2" in picture.alt
    assert "stage4.0.fuse2<-1 alone 2" in picture.alt
    assert picture.title == "What happens to “cat” when two parts are set to zero"
    assert not complain_about_words(picture)


def test_several_photos_and_modules():
    pairs = made(("stage3.0.fuse2<-0", "stage4.0.fuse2<-1", "stage4.0.branch2"), n=2)
    picture = pair_matrix(pairs)
    assert "Mean over 2 photos." in picture.caption
    assert not complain_about_words(picture)
    assert "Photo “dog”." in pair_matrix(pairs, index=1).caption
    with pytest.raises(IndexError, match="photos 0 to 1"):
        pair_matrix(pairs, index=2)
