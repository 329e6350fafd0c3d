"""The head step by step: what is added stands in one row on one scale; answers are those of the net."""

import numpy as np
import pytest
import torch

from hrnet_viz.canvas.colours import BRANCH_COLOURS, HEAD_COLOUR
from hrnet_viz.canvas.painting import short
from hrnet_viz.heads.figures import head_steps
from hrnet_viz.sites import SiteError
from tests.nets.made_trace import CLASSES, axes_called, made_trace, numbers_of, words_of

ROWS = [["head.incre0"], *([f"head.incre{b}", f"head.down{b - 1}", f"head.sum{b}"] for b in (1, 2, 3))]


@pytest.fixture(scope="module")
def made():
    return made_trace()


def changed(trace, classes=None, **tensors):
    values = {**trace, **{name.replace("__", "."): tensor for name, tensor in tensors.items()}}
    return type(trace)(trace.plan, trace.input, values, trace.photos, trace.classes if classes is None else classes)


def test_rows_are_resolutions_and_share_a_scale(made):
    picture = head_steps(made)
    heights = []
    for b, row in enumerate(ROWS):
        axes = [axes_called(picture, name)[0] for name in row]
        assert len({one.images[0].get_clim() for one in axes}) == 1
        assert len({round(one.bbox.y0, 2) for one in axes}) == 1
        assert {one.spines["left"].get_edgecolor()[:3] for one in axes} == {rgb(BRANCH_COLOURS[b])}
        heights.append(axes[0].bbox.y0)
    assert heights == sorted(heights, reverse=True)
    columns = [[round(axes_called(picture, row[k])[0].bbox.x0, 1) for row in ROWS[1:]] for k in range(3)]
    assert all(len(set(column)) == 1 for column in columns)


def rgb(colour):
    from matplotlib.colors import to_rgb

    return to_rgb(colour)


def test_every_scale_has_its_numbers(made):
    picture = head_steps(made)
    assert len(axes_called(picture, "scale of")) == len(ROWS) + 2
    final = made["head.final"][0].double().square().mean(0).sqrt()
    expected = [short(float(final.min())), short(float(final.max()))]
    assert numbers_of(axes_called(picture, "scale of head.final")[0]) == expected


def test_maps_show_all_channels_together(made):
    shown = axes_called(head_steps(made, index=1), "head.sum2")[0].images[0].get_array()
    assert np.allclose(shown, made["head.sum2"][1].double().square().mean(0).sqrt())


def test_every_pooled_number_is_a_cell(made):
    axes = axes_called(head_steps(made), "head.pool")[0]
    assert np.array_equal(np.ravel(axes.images[0].get_array()), made["head.pool"][0].double().numpy())
    assert "2048 numbers: the mean of each map of head.final" in [text for text, _ in words_of(head_steps(made))]


def test_bars_are_the_probabilities_of_the_leading_classes(made):
    logits = torch.tensor([[0.5, 3.0, -1.0, 2.0, 0.0, 1.0], [0.0] * 6])
    picture = head_steps(changed(made, logits=logits), most=3)
    axes = axes_called(picture, "classes")[0]
    widths = [bar.get_width() for bar in axes.patches][3:]
    assert widths == pytest.approx(logits[0].double().softmax(0)[[1, 3, 5]].tolist())
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["dog\nlogit 3", "church\nlogit 2", "truck\nlogit 1"]
    assert axes.patches[-1].get_facecolor()[:3] == rgb(HEAD_COLOUR)
    assert "Leading classes: dog 60.5% (logit 3), church 22.2% (logit 2), truck 8.2% (logit 1)." in picture.alt


def test_equal_logits_stay_in_order_and_names_are_written_as_words(made):
    labels = axes_called(head_steps(made, index=1), "classes")[0].get_yticklabels()
    assert not any("_" in label.get_text() for label in labels)
    equal = changed(made, logits=torch.zeros(2, 6))
    labels = [
        label.get_text().split("\n")[0] for label in axes_called(head_steps(equal), "classes")[0].get_yticklabels()
    ]
    assert labels == [name.replace("_", " ") for name in CLASSES[:5]]


def test_outputs_without_names_have_numbers(made):
    labels = axes_called(head_steps(changed(made, classes=())), "classes")[0].get_yticklabels()
    assert all(label.get_text().startswith("output ") for label in labels)


def test_long_names_are_cut(made):
    names = ("a very long name of a class, another word for it", *CLASSES[1:])
    logits = torch.tensor([[9.0, 0, 0, 0, 0, 0]] * 2)
    label = axes_called(head_steps(changed(made, names, logits=logits)), "classes")[0].get_yticklabels()[0].get_text()
    assert label == "a very long name…\nlogit 9"


def test_a_photo_outside_the_classes_is_told(made):
    assert "None of the 6 trained classes is called “checker 8”" in head_steps(made).caption
    from hrnet_viz.photos.photo import Photo

    cat = type(made)(made.plan, made.input, dict(made), (Photo(made.photos[0].pixels, "cat"),) * 2, CLASSES)
    assert "trained classes" not in head_steps(cat).caption


def test_widths_are_read_off_the_net(made):
    assert "widened to 128, 256, 512 or 1024 channels" in head_steps(made).caption


def test_mistakes_are_answered_in_sentences(made):
    with pytest.raises(IndexError, match="index=5 was asked for"):
        head_steps(made, index=5)
    with pytest.raises(SiteError, match=r"'head.pool' exists in hrnet_w18_small_v1, but this trace did not keep it"):
        head_steps(made_trace(size=64, drop=("head.pool",)))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_looks_as_it_did(made, golden_figure, theme):
    golden_figure(f"head_steps_{theme}", head_steps(made, theme=theme))
