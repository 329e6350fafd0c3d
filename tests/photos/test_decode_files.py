"""Files in all the forms that people have them: read_image on paths, bytes, file objects and PIL images."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from hrnet_viz import Photo, PhotoError, read_image
from tests.photos.pictures import encode, png_of, ramp

RED, WHITE = (255, 0, 0), (255, 255, 255)


def test_path_string_bytes_file_and_pil_image_give_the_same_pixels(path):
    content = path.read_bytes()
    sources = [path, str(path), content, bytearray(content), memoryview(content), io.BytesIO(content), Image.open(path)]
    for source in sources:
        np.testing.assert_array_equal(read_image(source).pixels, ramp())
    with path.open("rb") as stream:
        np.testing.assert_array_equal(read_image(stream).pixels, ramp())


def test_the_name_comes_from_the_file_unless_given(path):
    assert read_image(path).name == "my photo"
    assert read_image(path.read_bytes()).name == "photo"
    named = read_image(path, name="cat", credit="me")
    assert (named.name, named.credit) == ("cat", "me")


def test_a_photo_comes_back_as_it_is_or_renamed():
    photo = Photo(ramp(), "a", "b")
    assert read_image(photo) == photo
    assert read_image(photo, name="c") == Photo(ramp(), "c", "b")


def test_a_path_may_start_at_home(path, monkeypatch):
    monkeypatch.setenv("HOME", str(path.parent))
    monkeypatch.setenv("USERPROFILE", str(path.parent))
    np.testing.assert_array_equal(read_image("~/my photo.png").pixels, ramp())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF", "MPO"])
def test_every_format_named_in_the_sentence_is_read(kind):
    Image.init()
    if kind not in Image.SAVE:
        pytest.skip(f"this Pillow was built without {kind}")
    photo = read_image(encode(Image.fromarray(ramp()), kind))
    assert photo.pixels.shape == (24, 32, 3)
    assert np.abs(photo.pixels.astype(int) - ramp()).mean() < 12  # lossy ones are near


# orientation -> how the upright picture was turned before it was stored
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True}), ("JPEG", {"quality": 95})]
)
def test_exif_orientation_is_honoured_once(orientation, kind, options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](ramp())))
    content = encode(stored, kind, exif=exif, **options)
    for source in (content, Image.open(io.BytesIO(content))):
        np.testing.assert_allclose(read_image(source).pixels, ramp(), atol=30 if kind == "JPEG" else 0)


def test_a_16_bit_picture_is_turned_as_well():
    exif = Image.Exif()
    exif[0x0112] = 6
    grey = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
    content = encode(Image.fromarray(np.ascontiguousarray(np.rot90(grey, 1))), "PNG", exif=exif)
    np.testing.assert_array_equal(read_image(content).pixels[:, :, 0], np.rint(grey / 257))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_does_not_cost_the_photo():
    content = encode(Image.fromarray(ramp()), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\x99" * 30)
    assert read_image(content).pixels.shape == (24, 32, 3)


def palette(*colours):
    image = Image.new("P", (2, 1))
    image.putpalette([value for colour in colours for value in colour])
    image.putdata([0, 1])
    return image


@pytest.mark.parametrize(
    ("image", "kind", "transparency", "expected"),
    [
        (Image.new("RGBA", (1, 1), (*RED, 51)), "PNG", None, [(255, 204, 204)]),
        (Image.new("LA", (1, 1), (100, 0)), "PNG", None, [WHITE]),
        (palette(RED, (0, 0, 255)), "PNG", None, [RED, (0, 0, 255)]),
        (palette(RED, (0, 0, 255)), "PNG", 1, [RED, WHITE]),
        (palette(RED, (0, 0, 255)), "GIF", 1, [RED, WHITE]),
        (palette(RED, RED), "PNG", bytes([255, 51]), [RED, (255, 204, 204)]),
        (Image.new("RGB", (1, 1), RED), "PNG", RED, [WHITE]),
        (Image.new("L", (1, 1), 76), "PNG", 76, [WHITE]),
    ],
)
def test_transparency_of_every_kind_lies_over_white(image, kind, transparency, expected):
    options = {} if transparency is None else {"transparency": transparency}
    assert [tuple(pixel) for pixel in read_image(encode(image, kind, **options)).pixels[0]] == expected
    if not options:
        assert [tuple(pixel) for pixel in read_image(image).pixels[0]] == expected


def test_premultiplied_alpha_is_not_darkened_twice():
    image = Image.new("RGBA", (1, 1), (*RED, 51)).convert("RGBa")
    np.testing.assert_allclose(read_image(image).pixels[0, 0], (255, 204, 204), atol=3)


def test_cmyk_has_the_right_colours():
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    assert tuple(read_image(image).pixels[0, 0]) == RED
    np.testing.assert_allclose(read_image(encode(image, "JPEG", quality=95)).pixels[8, 8], RED, atol=4)
    assert tuple(read_image(encode(image, "TIFF")).pixels[0, 0]) == RED


@pytest.mark.parametrize("mode", ["YCbCr", "HSV", "LAB"])
def test_other_colour_spaces_become_rgb(mode):
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = Image.new("RGB", (2, 2), RED)
    image = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB") if mode == "LAB" else image.convert(mode)
    np.testing.assert_allclose(read_image(image).pixels[0, 0], RED, atol=6)


def test_a_colour_space_that_pillow_cannot_convert_is_named(monkeypatch):
    monkeypatch.setattr(Image.Image, "convert", lambda *_: int("conversion not supported"))
    with pytest.raises(PhotoError, match="colour mode HSV"):
        read_image(Image.new("HSV", (2, 2)))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_one_bit_becomes_black_and_white(kind):
    bits = np.array([[True, False], [False, True]])
    pixels = read_image(encode(Image.fromarray(bits), kind)).pixels
    np.testing.assert_array_equal(pixels[:, :, 0], bits * 255)


def test_16_bits_are_scaled_and_not_clipped():
    grey = np.array([[0, 257, 1000], [32768, 65279, 65535]], dtype=np.uint16)
    image = Image.fromarray(grey)
    big_endian = Image.frombytes("I;16B", (3, 2), grey.astype(">u2").tobytes())
    files = (encode(image, "PNG"), encode(image, "TIFF"))
    for source in (*files, image, Image.fromarray(grey.astype(np.int32)), big_endian):
        np.testing.assert_array_equal(read_image(source).pixels[:, :, 1], [[0, 1, 4], [128, 254, 255]])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_tiff_whose_zero_is_white(kind, tmp_path):
    tifffile = pytest.importorskip("tifffile", reason="it comes with scikit-image")
    tifffile.imwrite(tmp_path / "a.tif", np.full((4, 4), np.iinfo(kind).max // 5, kind), photometric="miniswhite")
    assert read_image(tmp_path / "a.tif").pixels.mean() == 204


def test_a_16_bit_colour_png_keeps_its_colours():
    rows = b"\0" + struct.pack(">6H", 65535, 0, 32896, 257, 2570, 65278)
    pixels = read_image(png_of(2, 1, 16, 2, rows)).pixels
    np.testing.assert_allclose(pixels[0], [(255, 0, 128), (1, 10, 254)], atol=1)


def test_32_bit_whole_numbers_beyond_16_bits_get_a_sentence():
    with pytest.raises(PhotoError, match="from -1 to 70000, but 16 bits"):
        read_image(Image.fromarray(np.array([[-1, 70000]], dtype=np.int32)))


def test_float_pictures_from_0_to_1_are_read_and_others_get_a_sentence():
    halves = np.array([[0, 0.5, 1]], dtype=np.float32)
    np.testing.assert_array_equal(read_image(encode(Image.fromarray(halves), "TIFF")).pixels[0, :, 0], [0, 128, 255])
    with pytest.raises(PhotoError, match=r"0 to 37.*tone-map|0 to 37.*divide it by 255"):
        read_image(encode(Image.fromarray(halves * 37), "TIFF"))
    with pytest.raises(PhotoError, match="NaN"):
        read_image(Image.fromarray(halves * np.float32("nan")))


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG"])
def test_of_several_pictures_the_first_is_taken(kind):
    first, second = Image.new("RGB", (8, 8), RED), Image.new("RGB", (8, 8), (0, 0, 255))
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encode(first, kind, save_all=True, append_images=[second], **options)
    assert Image.open(io.BytesIO(content)).n_frames == 2
    assert tuple(read_image(content).pixels[4, 4]) == RED
