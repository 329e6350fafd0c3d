"""Targets and answers of the nets that answer with maps: by the same words, and what they say is what the maps hold."""

import pytest
import torch
from torch.nn import functional

import hrnet_viz as hv
from hrnet_viz import targets
from hrnet_viz.targets import read_target
from tests.nets.settled import small

JOINTS = ("nose", "left_wrist", "right_wrist", "tail")
KINDS = ("road", "sky", "cat")
X = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module", params=["pose", "landmarks"])
def pose(request):
    return small(request.param, JOINTS)


@pytest.fixture(scope="module", params=["segmentation", "ocr"])
def scene(request):
    return small(request.param, KINDS)


def scores(net, wish, x=X):
    target = read_target(net, wish)
    return target.evaluate(hv.trace(net, x, sites=target.sites))


def test_a_joint_is_its_heat_map_at_the_peak(pose):
    maps = hv.trace(pose, X, sites="heatmaps")["heatmaps"]
    for wish in ("Left Wrist", 1, targets.joint("left_wrist"), targets.output(1)):
        found = scores(pose, wish)
        torch.testing.assert_close(found.values, maps[:, 1].amax((1, 2)))
        assert found.words == ("left_wrist",) * 2
        assert found.indices == (1, 1)
    best = scores(pose, None)
    torch.testing.assert_close(best.values, maps.amax((1, 2, 3)))
    each = scores(pose, ["nose", "tail rather than nose"])
    torch.testing.assert_close(each.values[1], maps[1, 3].max() - maps[1, 0].max())


def test_a_class_of_a_segmentation_is_the_mean_of_its_logits_where_it_is_predicted(scene):
    maps = hv.trace(scene, X, sites="logits")["logits"]
    mine = maps.argmax(1) == 2
    assert mine.flatten(1).any(1).all()
    expected = torch.stack([one[2][cells].mean() for one, cells in zip(maps, mine, strict=True)])
    torch.testing.assert_close(scores(scene, "CAT").values, expected)
    largest = torch.stack([functional.one_hot(one.argmax(0), 3).sum((0, 1)).argmax() for one in maps]).tolist()
    assert scores(scene, None).words == tuple(KINDS[k] for k in largest)


def test_peak_and_cells_are_those_of_the_pass_without_edits(pose, scene):
    for net, wish in ((pose, "tail"), (scene, "sky")):
        (site,) = read_target(net, wish).sites
        before = hv.trace(net, X, sites=site)[site]
        edited = {site: before.flip(3)}
        after = hv.run(net, X, keep=site, edit=edited)
        pinned = read_target(net, wish).pin(before)
        index = net.classes.index(wish)
        for photo in range(2):
            maps = before[photo]
            cells = maps[index] == maps[index].max() if site == "heatmaps" else maps.argmax(0) == index
            expected = after[site][photo, index][cells].mean()
            torch.testing.assert_close(pinned.evaluate(after).values[photo], expected)
        result = hv.ablate(net, X, "stage2.0.fuse0<-1", target=wish)
        torch.testing.assert_close(result.base_score, read_target(net, wish).evaluate({site: before}).values)
        changed = hv.run(net, X, keep=site, edit={"stage2.0.fuse0<-1": torch.zeros_like})
        torch.testing.assert_close(result.score, pinned.evaluate(changed).values)
        assert result.logits.shape == before.shape
        assert all(rank in range(1, net.num_outputs + 1) for rank in (*result.rank, *result.base_rank))


def test_a_coordinate_moves_with_the_joint(pose):
    maps = torch.zeros(1, 4, 16, 24)
    maps[0, 1, 5, 20] = 1.0
    for wish, expected in (("x of left wrist", 80.0), (targets.coordinate("left_wrist", "y"), 20.0)):
        target = read_target(pose, wish)
        assert target.evaluate({"heatmaps": maps}).values.item() == pytest.approx(expected, abs=0.01)
    target = read_target(pose, "x of left wrist rather than x of nose")
    kept = hv.trace(pose, X, grad=True)
    found = target.evaluate(kept)
    assert found.words == ("x of left_wrist rather than x of nose",) * 2
    (gradient,) = torch.autograd.grad(found.values.sum(), kept["stage4.0.branch0"])
    assert float(gradient.abs().sum()) > 0
    shift = {"heatmaps": maps.roll(1, 3)}
    moved = read_target(pose, "x of left wrist").evaluate(shift).values
    assert moved.item() == pytest.approx(84.0, abs=0.01)


@pytest.mark.parametrize(
    ("head", "wish", "words"),
    [
        ("pose", "elbow", "knows no joint 'elbow'"),
        ("pose", 4, "There is no joint 4"),
        ("segmentation", "x of road", "knows no class 'x of road'"),
        ("segmentation", targets.coordinate("road"), "no joints or landmarks"),
        ("pyramid", None, "answers nothing by itself"),
        ("pyramid", "cat", "answers nothing by itself"),
        ("classification", targets.coordinate("nose"), "no joints or landmarks"),
    ],
)
def test_what_a_net_does_not_have_is_told(head, wish, words):
    names = {"pose": JOINTS, "segmentation": KINDS, "classification": JOINTS}.get(head, ())
    with pytest.raises(ValueError, match=words):
        read_target(small(head, names), wish)


def test_a_class_that_is_nowhere_is_told():
    net = small("segmentation", KINDS)
    maps = torch.zeros(1, 3, 16, 24)
    maps[:, 0] = 1
    with pytest.raises(ValueError, match="'cat' is predicted nowhere in this photo"):
        read_target(net, "cat").evaluate({"logits": maps})
    with pytest.raises(ValueError, match="predicted nowhere"):
        read_target(net, "cat").pin(maps)


@pytest.mark.parametrize("head", ["pose", "segmentation", "landmarks", "pyramid", "ocr"])
def test_what_works_for_classification_works_for_every_head(head):
    net = small(head)
    wish = targets.place("head.level1", 3, 4, channel=7) if head == "pyramid" else None
    whole = hv.trace(net, X)
    cams = hv.cam(net, X, wish, method=["gradcam", "hirescam"])["gradcam"]
    assert {"stem", "stage4.0.branch3"} <= {*cams}
    assert all(one.isfinite().all() for one in cams.values())
    swept = hv.sweep(net, whole, over="stage4.0.fuse0<-1", target=wish)
    assert len(swept.effects) == 2 * 16
    assert {effect.probability for effect in swept.effects} == {None}
    ablated = hv.ablate(net, whole, "stage4.0.fuse0<-1[3]", target=wish)
    torch.testing.assert_close(
        torch.tensor([effect.effect for effect in swept.effects if effect.channel == 3]),
        ablated.effect,
        rtol=1e-3,
        atol=1e-5,
    )
    found = hv.interventions.first_order(net, X, over="stage4.0.fuse?<-?", target=wish)
    assert found.predicted.shape == found.measured.shape
    parts = hv.exchanges.contributions(net, X, wish)
    assert parts.tensors
    assert hv.exchanges.shares(whole)
    assert hv.activations.statistics(whole)
    agreement = hv.attribution.ablation_agreement(net, X, wish, sites="stage4.0.branch3", patches=2)
    assert agreement.losses.isfinite().all()
    checked = hv.attribution.sanity_check(net, X, wish, sites="stage4.0.branch3")
    assert checked.levels[-1] == "stem"
    assert not any("incre" in level for level in checked.levels)
    with pytest.raises(ValueError, match="follows the probability of a class of the whole photo"):
        hv.attribution.deletion(net, hv.cam(net, X, wish))
    with pytest.raises(ValueError, match="reads the classification head"):
        hv.cam(net, X, wish, method="cam")


def test_a_pyramid_says_that_it_answers_nothing():
    with pytest.raises(ValueError, match="what a detector reads"):
        hv.predict(small("pyramid"), hv.photo("cat"))


def test_keypoints_lie_on_the_photo(pose):
    photo = hv.photo("cat")
    pose.preparation = hv.Preparation(size=(64, 96))
    found = hv.predict(pose, photo)
    maps = hv.trace(pose, photo, sites="heatmaps")["heatmaps"][0]
    for index, name in enumerate(JOINTS):
        # where no value is above 0 the published code answers the first cell
        row, column = divmod(int(maps[index].argmax()) if maps[index].max() > 0 else 0, maps.shape[2])
        across, down = photo.width / 96, photo.height / 64
        # cell q stands on input pixel 4 q; a quarter of a cell towards the higher neighbour is 1 px of the input
        assert abs(found[name].x - ((4 * column + 0.5) * across - 0.5)) <= 1.0001 * across
        assert abs(found[name].y - ((4 * row + 0.5) * down - 0.5)) <= 1.0001 * down
        assert found[name].score == pytest.approx(float(maps[index].max()))
    assert found.names == JOINTS
    assert len(list(found)) == 4
    assert "at (" in str(found)
    assert "and 1 more " in str(found)
    with pytest.raises(ValueError, match=r"knows no (joint|landmark) 'knee'"):
        found["knee"]


def test_a_quarter_of_a_cell_goes_towards_the_higher_neighbour():
    from hrnet_viz.decoding import decode

    maps = torch.zeros(1, 4, 12, 10)
    maps[0, 0, 5, 4], maps[0, 0, 5, 5], maps[0, 0, 4, 4] = 1.0, 0.5, 0.25
    maps[0, 1, 1, 4], maps[0, 1, 1, 5] = 1.0, 0.5  # in row 1 there is no offset, as published
    maps[0, 2, 5, 9], maps[0, 2, 5, 8] = 1.0, 0.5  # nor at the last column
    maps[0, 3] = -1.0
    cells, score = decode(maps)
    assert cells[0].tolist() == [[4.25, 4.75], [4.0, 1.0], [9.0, 5.0], [0.0, 0.0]]
    assert score[0].tolist() == [1.0, 1.0, 1.0, -1.0]


@pytest.mark.parametrize("align_corners", [False, True])
def test_labels_are_those_of_the_enlarged_logits(align_corners):
    net = small("segmentation", KINDS, align_corners=align_corners)
    net.preparation = hv.Preparation(size=(64, 96))
    photo = hv.photo("cat")
    found = hv.predict(net, photo)
    logits = hv.trace(net, photo, sites="logits")["logits"]
    size = (photo.height, photo.width)
    enlarged = functional.interpolate(logits, size=size, mode="bilinear", align_corners=align_corners)[0]
    differs = found.labels != enlarged.argmax(0)
    top = enlarged.topk(2, 0).values
    assert float((top[0] - top[1])[differs].abs().max() if differs.any() else 0) < 1e-4  # rounding where two are equal
    torch.testing.assert_close(found.probability("cat"), enlarged.softmax(0)[2], rtol=1e-3, atol=1e-4)
    assert sum(found.share.values()) == pytest.approx(1.0)
    assert list(found.share.values()) == sorted(found.share.values(), reverse=True)
    assert found.share["sky"] == pytest.approx(float((found.labels == 1).float().mean()))
    assert "%" in str(found)


def test_what_the_net_did_not_see_has_no_label():
    net = small("segmentation", KINDS)
    net.preparation = hv.Preparation(size=(64, 64), fit="crop")
    photo = hv.photo("cat")
    found = hv.predict(net, photo)
    left, top, right, bottom = net.preparation.box(photo)
    outside = found.labels == -1
    assert outside.shape == (photo.height, photo.width)
    rows, columns = torch.arange(photo.height) + 0.5, torch.arange(photo.width) + 0.5
    seen = ((rows > top) & (rows < bottom))[:, None] & ((columns > left) & (columns < right))
    assert torch.equal(outside, ~seen)


def test_a_tensor_is_answered_in_its_own_pixels(pose, scene):
    first, second = hv.predict(pose, X)
    assert float(first.xy.max()) <= 96
    assert second.photo is None
    assert {one.labels.shape for one in hv.predict(scene, X)} == {(64, 96)}
