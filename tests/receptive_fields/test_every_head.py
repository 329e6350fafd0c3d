"""For every head the arithmetic names exactly the pixels that have a gradient, at sizes that are no multiple of 32."""

from functools import cache

import pytest
import torch

import hrnet_viz as hv
from hrnet_viz.figures import receptive_field_maps
from hrnet_viz.receptive_fields import effective, theoretical
from hrnet_viz.receptive_fields.fields import Box
from tests.nets.made_trace import complain_about_words

pytestmark = pytest.mark.filterwarnings("ignore:This ready tensor has no negative number")  # so that nothing cancels

SITES = {
    "pose": ("stage4.0.branch3", "stage4.0.fuse0<-3", "heatmaps"),
    "segmentation": ("stage2.0.fuse0<-1", "stage3.0.fuse0<-2.resize", "stage4.0.out2", "head.up3", "logits"),
    "landmarks": ("head.concat", "head.mix", "heatmaps"),
    "pyramid": ("head.up1", "head.reduce", "head.pool1", "head.pool4", "head.level0", "head.level3", "head.level4"),
    "ocr": ("stage3.0.out0", "stage4.0.sum1", "head.up2", "head.aux", "head.pixels.conv", "head.regions",
            "head.attention.pixel.conv1", "head.attention", "head.context", "head.mix.concat", "logits"),
}  # fmt: skip
LARGER_THAN_A_FIELD = (61, 1003)


@cache
def summing(head, **options):
    """A net in which nothing can cancel and edges count: every weight is positive, the outer ones are the largest."""
    torch.manual_seed(3)
    net = hv.hrnet("hrnet_w18_small_v1", head=head, **options).double().eval()
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            weight = 0.5 + torch.rand_like(module.weight)
            if weight.shape[-1] == 3:
                weight[..., 1, :] *= 0.1
                weight[..., 1] *= 0.1
            module.weight.data = weight / weight[0].sum()
            if module.bias is not None:
                module.bias.data.zero_()  # a negative one would close a ReLU
    if head == "ocr":
        net.aux_head[3].weight.data *= 1e-9  # or all of a region would be one pixel
    return net


def photo(height, width):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def box_of(energy):
    rows, columns = (energy.sum(axis).nonzero().flatten().tolist() for axis in (1, 0))
    return Box(rows[0], rows[-1], columns[0], columns[-1])


@pytest.mark.parametrize(("head", "site"), [(head, site) for head, sites in SITES.items() for site in sites])
def test_exactly_the_pixels_of_the_field_have_a_gradient(head, site):
    net = summing(head)
    known = theoretical(net, site)
    for size, exchanges in (((97, 130), None), ((113, 71), 1), (LARGER_THAN_A_FIELD, None)):
        rows, columns = known.site.size(*size)
        for cell in ((0, columns - 1), (rows // 2, columns // 3)):
            found = effective(net, photo(*size), site, cell=cell, exchanges=exchanges)
            assert box_of(found.energy) == found.box, (size, cell)
            assert found.box == known.box(cell, size) or exchanges, (size, cell)
    assert (found.box.width < size[1]) != known.whole, "the photo must be larger than the field"


def test_objects_are_made_of_the_whole_photo_and_lie_at_no_place():
    net = summing("ocr")
    for channel in (None, 7):
        found = effective(net, photo(64, 97), "head.objects", channel=channel)
        assert (found.cell, box_of(found.energy)) == (None, Box(0, 63, 0, 96))
    assert theoretical(net, "head.objects").whole
    assert theoretical(net, "head.attention.object.conv2").whole
    with pytest.raises(ValueError, match=r"'head.objects' has no places, so it has no cell \(3, 0\)"):
        effective(net, photo(64, 64), "head.objects", cell=(3, 0))


def test_after_the_objects_every_cell_sees_the_whole_photo_however_large():
    net = hv.hrnet("hrnet_w18_small_v1", head="ocr")
    for site in ("head.regions", "head.attention.likeness", "head.context", "head.mix", "logits"):
        field = theoretical(net, site)
        assert (field.whole, field.varies, field.stride, field.size) == (True, False, 4, None)
        assert field.box((0, 0), (4000, 3000)) == Box(0, 3999, 0, 2999)
        assert repr(field) == f"ReceptiveField({site}: the whole photo)"


def test_aligned_corners_make_the_field_depend_on_the_place_and_it_says_so():
    net = hv.hrnet("hrnet_w18_small_v1", head="segmentation", align_corners=True)
    path, usual = theoretical(net, "stage2.0.fuse0<-1"), theoretical(summing("segmentation"), "stage2.0.fuse0<-1")
    assert (path.varies, path.whole, path.fields, path.size, path.offset, path.interval(3)) == (
        *(True, False, (), None, None, None),
    )
    assert "depends on the place" in repr(path)
    assert not usual.varies
    # Cell 6 of 16 lies at 6 * 7 / 15 = 2.8 of 8 coarse cells, cell 6 of 32 at 2.9, but cell 30 of 32 at 14.5 of 16.
    places = ((6, 64), (6, 128), (20, 128))
    middles = [sum(path.box((0, cell), (64, side))[2:]) / 2 - 4 * cell for cell, side in places]
    assert middles[0] < middles[1]
    assert middles[1] != middles[2]
    # What no such path reaches repeats as ever, and so does the whole body without exchanges.
    assert theoretical(net, "stage2.0.branch1").fields == theoretical(summing("pose"), "stage2.0.branch1").fields
    assert theoretical(net, "stage4.0.out0").varies
    assert theoretical(net, "stage4.0.out0", exchanges=0).size == 119


def test_aligned_corners_in_the_exchange():
    net = summing("segmentation", align_corners=True)
    for site, cell in (("stage2.0.fuse0<-1", (11, 30)), ("stage4.0.out1", (3, 4)), ("head.concat", (24, 0))):
        found = effective(net, photo(97, 130), site, cell=cell)
        assert box_of(found.energy) == found.box, site


def test_bilinear_paths_see_one_coarse_cell_more_than_nearest_ones():
    nearest, bilinear = (theoretical(summing(head), "stage2.0.fuse0<-1") for head in ("pose", "segmentation"))
    assert {bilinear.interval(cell)[1] - bilinear.interval(cell)[0] + 1 for cell in range(8)} == {nearest.size + 8}


def test_fields_of_the_coarsest_level_repeat_at_every_cell():
    field = theoretical(hv.hrnet("hrnet_w18_small_v1", head="pyramid"), "head.level4")
    assert (len(field.fields), field.stride) == (1, 64)
    far = field.box((20, 20), (2560, 2560))
    assert field.interval(20) == (far.top, far.bottom)


def test_a_photo_too_small_for_the_pyramid_is_refused():
    field = theoretical(hv.hrnet("hrnet_w18_small_v1", head="pyramid"), "head.level4")
    assert field.box(None, (61, 61)) == Box(0, 60, 0, 60)
    with pytest.raises(ValueError, match="60 x 99 px was given; each side needs at least 61 px"):
        field.box(None, (60, 99))


def test_a_field_that_varies_is_drawn_with_its_size_on_this_photo():
    net = summing("ocr")
    fields = [effective(net, photo(97, 130), site, channel=0) for site in ("stage2.0.out0", "head.mix")]
    picture = receptive_field_maps([*fields, effective(net, photo(97, 130), "head.objects")])
    assert f"can: {fields[0].box.height} × {fields[0].box.width} px here" in picture.alt
    assert picture.alt.count("can: the whole photo") == 2
    assert not complain_about_words(picture)
