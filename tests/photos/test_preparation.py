import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader

from hrnet_viz import Photo, PhotoError
from hrnet_viz.photos.preparation import INTERPOLATIONS, Preparation, prepare, read_photos
from tests.photos.pictures import noise


class Net(nn.Module):
    def __init__(self, dtype=torch.float32, **words):
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 1, dtype=dtype)
        self.preparation = Preparation(**words)


@pytest.mark.parametrize("shape", [(300, 451), (451, 300), (224, 224), (10, 11), (1, 1), (997, 224), (37, 500)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("fit", ["squash", "crop"])
def test_the_tensor_is_bit_equal_to_torchvisions_usual_transform(shape, interpolation, fit):
    """Published accuracies were measured with it: another rounding would be another picture."""
    from torchvision import transforms

    photo = noise(*shape)
    kind = transforms.InterpolationMode(interpolation)
    sizes = (
        [transforms.Resize((224, 224), kind)]
        if fit == "squash"
        else [transforms.Resize(256, kind), transforms.CenterCrop(224)]
    )
    preparation = Preparation(fit=fit, interpolation=interpolation)
    normalise = transforms.Normalize(preparation.mean, preparation.std)
    usual = transforms.Compose([*sizes, transforms.ToTensor(), normalise])
    assert torch.equal(preparation.tensor(photo), usual(photo.image())[None])


@pytest.mark.parametrize("shape", [(300, 451), (997, 224), (10, 11)])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("fit", ["squash", "crop"])
def test_the_transform_gives_what_prepare_gives_to_the_bit(shape, interpolation, fit):
    photo, net = noise(*shape), Net(size=(96, 80), fit=fit, interpolation=interpolation, mean=(0.1, 0.2, 0.3))
    transform = pickle.loads(pickle.dumps(net.preparation.transform))  # as it goes to the workers of a DataLoader
    for source in (photo.image(), photo.pixels):
        assert torch.equal(transform(source)[None], prepare(net, source))


def test_a_loader_over_the_transform_makes_the_batch_of_prepare(tmp_path):
    """Grey, transparent and turned photos too: the transform reads them by the same rules."""
    from torchvision.datasets import ImageFolder

    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "cat").mkdir()
    photo = noise(40, 60).image()
    photo.convert("L").save(tmp_path / "cat/a.png")
    photo.save(tmp_path / "cat/b.png", exif=exif)
    photo.convert("RGBA").resize((9, 9)).save(tmp_path / "cat/c.png")
    net = Net(size=(32, 40))
    dataset = ImageFolder(tmp_path, transform=net.preparation.transform, loader=Image.open)
    (batch, _), *_ = DataLoader(dataset, batch_size=3)
    assert type(batch) is torch.Tensor
    assert torch.equal(batch, prepare(net, [path for path, _ in dataset.samples]))


def test_the_tensor_is_the_normalised_picture():
    photo, preparation = noise(50, 60), Preparation(size=(32, 48), mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    tensor, picture = preparation.tensor(photo), preparation.picture(photo)
    assert tensor.shape == (1, 3, 32, 48)
    assert tensor.dtype == torch.float32
    assert (picture.name, picture.credit) == ("noise 0", "nobody")
    expected = (picture.pixels / 255 - (0.1, 0.2, 0.3)) / (0.4, 0.5, 0.6)
    np.testing.assert_allclose(tensor[0].permute(1, 2, 0), expected, atol=1e-6)


def test_several_photos_of_several_shapes_make_one_batch():
    photos = [noise(50, 60), noise(31, 90, seed=1)]
    preparation = Preparation(size=(32, 32))
    batch = preparation.tensor(photos)
    assert torch.equal(batch, torch.cat([preparation.tensor(photo) for photo in photos]))
    with pytest.raises(PhotoError, match="No photo"):
        preparation.tensor([])


@pytest.mark.parametrize("shape", [(300, 451), (451, 300), (40, 40), (33, 400)])
@pytest.mark.parametrize("size", [(64, 64), (64, 96), (96, 64)])
@pytest.mark.parametrize("fraction", [1.0, 0.875])
def test_a_crop_has_the_size_keeps_the_shape_and_lies_inside(shape, size, fraction):
    photo, preparation = noise(*shape), Preparation(size=size, fit="crop", crop_fraction=fraction)
    assert preparation.picture(photo).pixels.shape == (*size, 3)
    left, top, right, bottom = preparation.box(photo)
    assert 0 <= left < right <= photo.width
    assert 0 <= top < bottom <= photo.height
    stretch = ((right - left) / size[1]) / ((bottom - top) / size[0])
    assert stretch == pytest.approx(1, abs=0.03)
    share = max((right - left) / photo.width, (bottom - top) / photo.height)
    assert share == pytest.approx(fraction, abs=0.02)
    assert left == pytest.approx(photo.width - right, abs=photo.width / size[1])
    assert top == pytest.approx(photo.height - bottom, abs=photo.height / size[0])


@pytest.mark.parametrize("fit", ["squash", "crop"])
def test_the_box_says_where_in_the_photo_a_place_of_the_picture_lies(fit):
    pixels = np.zeros((200, 320, 3), np.uint8)
    pixels[90:110, 180:200] = 255  # its middle is column 190, row 100
    photo, preparation = Photo(pixels), Preparation(size=(64, 80), fit=fit)
    left, top, right, bottom = preparation.box(photo)
    assert fit == "crop" or (left, top, right, bottom) == (0, 0, 320, 200)
    weight = preparation.picture(photo).pixels[:, :, 0].astype(float)
    row, column = ((np.indices(weight.shape) + 0.5) * weight).sum((1, 2)) / weight.sum()
    assert left + column * (right - left) / 80 == pytest.approx(190, abs=0.5)
    assert top + row * (bottom - top) / 64 == pytest.approx(100, abs=0.5)


def test_a_strip_is_refused_for_crop_and_works_for_squash():
    strip = noise(1, 5000)
    assert Preparation().picture(strip).pixels.shape == (224, 224, 3)
    with pytest.raises(PhotoError, match='fit="squash"'):
        Preparation(fit="crop").picture(strip)


def test_downsizing_is_antialiased():
    checker = Photo(np.repeat((np.indices((256, 256)).sum(0) % 2 * 255)[:, :, None], 3, axis=2).astype(np.uint8))
    assert np.ptp(Preparation(size=(64, 64)).picture(checker).pixels) < 20


def test_undo_gives_every_byte_back():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    photo = Photo(np.stack([values, values.T, values[::-1]], axis=2))
    preparation = Preparation(size=(16, 16))
    (back,) = preparation.undo(preparation.tensor(photo))
    np.testing.assert_array_equal(back.pixels, photo.pixels)
    np.testing.assert_array_equal(preparation.undo(preparation.tensor(photo)[0].requires_grad_()).pixels, photo.pixels)
    (half,) = preparation.undo(preparation.tensor(photo).half())
    np.testing.assert_array_equal(half.pixels, photo.pixels)


def test_undo_clips_what_has_no_colour():
    edited = torch.full((1, 3, 2, 2), 100.0)
    assert (Preparation().undo(edited)[0].pixels == 255).all()
    assert (Preparation().undo(-edited)[0].pixels == 0).all()


@pytest.mark.parametrize(
    "tensor",
    [torch.zeros(2, 2), torch.zeros(1, 4, 2, 2), torch.zeros(3, 2, 2).byte(), torch.full((3, 2, 2), torch.nan), None],
)
def test_undo_refuses_in_a_sentence(tensor):
    with pytest.raises(PhotoError, match=r"was given\.|Replace them first\."):
        Preparation().undo(tensor)


def test_settings_from_a_json_file_are_the_same_settings():
    assert Preparation(size=[224, 224], mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]) == Preparation()
    assert Preparation(size=224) == Preparation(size=np.int64(224)) == Preparation()
    assert hash(Preparation(size=[224, 224])) == hash(Preparation())


@pytest.mark.parametrize(
    "words",
    [
        {"size": (0, 224)},
        {"size": (224,)},
        {"size": 22.4},
        {"size": True},
        {"size": "224"},
        {"mean": (0.5, 0.5)},
        {"mean": 0.5},
        {"mean": None},
        {"mean": (123.675, 116.28, 103.53)},
        {"std": (58.4, 57.1, 57.4)},
        {"std": "abc"},
        {"mean": (0.5, 0.5, float("nan"))},
        {"std": (0.5, 0.5, 0)},
        {"fit": "stretch"},
        {"crop_fraction": 0},
        {"crop_fraction": "most"},
        {"crop_fraction": 1.2},
        {"interpolation": "cubic"},
    ],
)
def test_settings_without_sense_are_refused_by_name(words):
    with pytest.raises(ValueError, match=next(iter(words))):
        Preparation(**words)


def test_prepare_takes_what_read_image_takes_alone_or_in_a_list(tmp_path):
    net, photo = Net(size=(32, 40)), noise(50, 60)
    photo.image().save(tmp_path / "a.png")
    expected = net.preparation.tensor(photo)
    for source in (photo, tmp_path / "a.png", str(tmp_path / "a.png"), photo.image(), photo.pixels):
        assert torch.equal(prepare(net, source), expected)
    sources = [photo, tmp_path / "a.png", photo.image(), photo.pixels]
    assert torch.equal(prepare(net, sources), expected.expand(4, -1, -1, -1))
    assert torch.equal(prepare(net, tuple(sources)), prepare(net, sources))


def test_prepare_follows_the_dtype_and_device_of_the_net():
    photo = noise(50, 60)
    assert prepare(Net(torch.float64), photo).dtype == torch.float64
    assert prepare(Net().to("meta"), photo).device.type == "meta"
    assert prepare(Net().to("meta"), photo, device="cpu").device.type == "cpu"
    bare = nn.Identity()
    bare.preparation = Preparation(size=(8, 8))
    assert prepare(bare, photo).dtype == torch.float32


def test_prepare_can_take_another_size():
    net = Net(size=(32, 40), fit="crop")
    assert prepare(net, noise(50, 60), size=64).shape == (1, 3, 64, 64)
    assert prepare(net, noise(50, 60), size=(64, 48)).shape == (1, 3, 64, 48)
    assert net.preparation.size == (32, 40)


def test_a_ready_tensor_is_returned_as_it_is_by_any_net():
    ready = torch.randn(2, 3, 40, 50)
    assert prepare(Net(), ready) is ready
    assert prepare(nn.Identity(), ready.double()).dtype == torch.float64
    assert prepare(Net(), ready, size=(40, 50)) is ready
    assert prepare(Net(), ready, device="meta").device.type == "meta"


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (torch.zeros(1, 3, 8, 8).byte(), r"read_image\(tensor\)"),
        (torch.zeros(3, 8, 8), r"tensor\[None\]"),
        (torch.zeros(8, 8), "reshape"),
        (torch.zeros(1, 1, 8, 8), r"\(N, 3, H, W\)"),
        (torch.zeros(1, 8, 8, 3), "permute"),
        (torch.zeros(0, 3, 8, 8), "at least one picture"),
    ],
)
def test_a_tensor_that_is_not_ready_gets_a_sentence(tensor, words):
    with pytest.raises(PhotoError, match=words):
        prepare(Net(), tensor)


def test_another_size_than_that_of_the_tensor_and_a_net_that_says_nothing_get_a_sentence():
    with pytest.raises(PhotoError, match="Leave size out"):
        prepare(Net(), torch.zeros(1, 3, 8, 8), size=16)
    with pytest.raises(TypeError, match=r"Identity has no `preparation`.*Set net\.preparation"):
        prepare(nn.Identity(), noise(9, 9))


def test_one_bad_photo_in_a_list_is_named():
    with pytest.raises(PhotoError, match=r'Photo 2 of 3: There is no file "nope\.jpg"'):
        prepare(Net(), [noise(9, 9), "nope.jpg", noise(9, 9)])
    with pytest.raises(PhotoError, match=r"torch\.stack"):
        prepare(Net(), [torch.zeros(3, 8, 8)])
    with pytest.raises(PhotoError, match="No photo"):
        prepare(Net(), [])
    with pytest.raises(PhotoError, match="Give a path"):
        prepare(Net(), None)


def test_read_photos_gives_a_list_for_one_and_for_several():
    photo = noise(9, 9)
    assert read_photos(photo) == [photo]
    assert read_photos([photo, photo.image()])[1].pixels.shape == (9, 9, 3)
    assert read_photos(Image.new("RGB", (2, 2)))[0].name == "photo"
