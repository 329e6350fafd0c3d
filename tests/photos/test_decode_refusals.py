"""What is no whole picture is refused by read_image, in a sentence."""

import contextlib
import io
import os
import pathlib
import warnings

import numpy as np
import pytest
from PIL import Image, ImageFile

import hrnet_viz as hv
from hrnet_viz import PhotoError, read_image
from tests.photos.pictures import encode, png_of, ramp

PILLOWS_LIMIT = Image.MAX_IMAGE_PIXELS
BRANDS_OF_HEIC = [b"heic", b"hevc", b"heim", b"heis", b"msf1", b"mif1"]
RAW_STARTS = [b"II*\x00\x10\x00\x00\x00CR\x02\x00", b"\0\0\0\x18ftypcrx ", b"MM\0*", b"FUJIFILM"]


def refuse(source, *words):
    with pytest.raises(PhotoError) as caught:
        read_image(source)
    text = str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert text[0].isupper() or text[0] == '"'
    assert text.endswith((".", "?"))
    assert "<_io" not in text
    assert "0x" not in text
    for word in words:
        assert word in text
    return text


def test_a_missing_file_is_a_sentence_with_the_nearest_names(path):
    refuse(path.parent / "my foto.png", "There is no file", '"my photo.png"')
    refuse(path.parent / "nowhere" / "x.png", "no folder")
    refuse("cat", 'photo("cat")')
    refuse("no-such-thing-at-all.jpg", '"no-such-thing-at-all.jpg"')
    refuse("a\0b.png", "There is no file")
    refuse("x" * 5000, "...")


def test_a_folder_and_an_address_are_refused(tmp_path):
    refuse(tmp_path, "is a folder")
    refuse("https://example.org/cat.jpg", "nothing is downloaded")


@pytest.mark.skipif(os.name == "nt", reason="the null device of Windows is not a path")
def test_a_device_is_refused_rather_than_read_without_end():
    refuse(os.devnull, "neither a file nor a folder")


def test_empty_content_is_refused_and_the_name_quoted_plainly(tmp_path):
    name = tmp_path / "d'été \\ 1.jpg"
    name.touch()
    refuse(name, f'"{name}"', "empty")
    refuse(b"", "bytes object is empty")
    read = io.BytesIO(encode(Image.fromarray(ramp()), "PNG"))
    read.read()
    refuse(read, "file object is empty")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"hello, I am a text", "isn't a picture"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\n<html lang='en'>", "web page"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        *((b"\0\0\0\x18ftyp" + brand + bytes(60), "HEIC photo: export it as JPEG") for brand in BRANDS_OF_HEIC),
        *((start + bytes(80), "raw photo of a camera") for start in RAW_STARTS),
        (b"\0\0\0\x18ftypisom\0\0\2\0isomiso2avc1mp41", "video"),
        (b"\0" * 5000, "isn't a picture"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_hint(content, words):
    refuse(content, words)


@pytest.mark.filterwarnings("ignore:Truncated File Read")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7])
def test_truncated_files_are_refused(kind, share, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    content = encode(Image.fromarray(noise), kind)
    file = tmp_path / "half.bin"
    file.write_bytes(content[: max(1, int(len(content) * share))])
    refuse(file, "half.bin")


def test_a_damaged_image_that_pil_has_opened_is_refused():
    content = encode(Image.fromarray(ramp(200, 200)), "JPEG")
    refuse(Image.open(io.BytesIO(content[: len(content) // 2])), "truncated")
    for kind in ("PNG", "GIF", "TIFF", "AVIF", "PPM"):
        content = bytearray(encode(Image.fromarray(ramp(60, 80)), kind))
        content[len(content) * 2 // 3 :] = b"\xff\0" * 3
        with contextlib.suppress(PhotoError):  # any other exception is the failure
            assert read_image(Image.open(io.BytesIO(content))).pixels.size


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "PPM"])
def test_damaged_files_give_a_photo_or_a_sentence_and_nothing_else(kind):
    random = np.random.default_rng(1)
    content = np.frombuffer(encode(Image.fromarray(ramp()), kind), np.uint8)
    for _ in range(60):
        damaged = content.copy()
        damaged[random.integers(0, len(damaged), 4)] = random.integers(0, 256, 4)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow says about damaged metadata
            with contextlib.suppress(PhotoError):  # any other exception is the failure
                assert read_image(damaged.tobytes()).pixels.size


def test_no_pixels():
    refuse(Image.new("RGB", (0, 5)), "0 x 5")
    refuse(png_of(0, 0, 8, 2, b""), "isn't a picture that can be read here, or its header is damaged")


@pytest.mark.parametrize("limit", [None, 10**12, Image.MAX_IMAGE_PIXELS])
def test_a_bomb_is_refused_before_decoding_whatever_pillow_is_set_to(limit, monkeypatch):
    bomb = png_of(40_000, 40_000, 8, 2, b"\0")  # 40,000 x 40,000 declared in 100 bytes: decoding it would take 5 GB
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("decoded"))
    if limit == PILLOWS_LIMIT:
        refuse(bomb, "more pixels than Pillow accepts", "smaller copy")
    else:
        refuse(bomb, "million", "smaller copy")
        refuse(Image.open(io.BytesIO(bomb)), "40000 x 40000")


def test_a_lower_limit_of_pillow_is_respected_in_a_sentence(monkeypatch, path):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    refuse(path, "MAX_IMAGE_PIXELS = 10")


@pytest.mark.parametrize("source", [None, 3, ["cat.jpg"], {"a": 1}, object()])
def test_other_things_are_refused(source):
    refuse(source, "Give a path")


def test_closed_images_are_told(tmp_path):
    hv.photo("cat").image().save(tmp_path / "cat.jpg")
    with Image.open(tmp_path / "cat.jpg") as lazy:
        pass
    with Image.open(tmp_path / "cat.jpg") as loaded:
        loaded.load()
    refuse(lazy, "is closed: ", "Call image.load() before")
    assert read_image(loaded).width == 451


@pytest.mark.parametrize("mode", ["r", "rb"])
def test_a_file_that_is_closed_or_of_text_is_told(mode, tmp_path):
    hv.photo("cat").image().save(tmp_path / "cat.jpg")
    with (tmp_path / "cat.jpg").open(mode) as file:
        if mode == "r":
            refuse(file, "binary mode")
    refuse(file, "The file object can't be read", "closed")
    refuse(io.StringIO("hello"), "binary mode")


def write_tiff(path, first, second, shape=(6, 8, 3)):
    tifffile = pytest.importorskip("tifffile", reason="tifffile comes with scikit-image; without it no DNG can be made")
    with tifffile.TiffWriter(path) as file:
        file.write(np.zeros(shape, np.uint8), photometric="rgb", **first)
        file.write(np.zeros((48, 64, 3), np.uint8), photometric="rgb", **second)
    return path


OLD_PREVIEW, DNG = [(255, 3, 1, 2, True)], [(50706, 1, 4, b"\1\4\0\0", True)]


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("a.dng", {"subfiletype": 1, "subifds": 1}),
        ("a.tif", {"subfiletype": 1, "subifds": 1}),
        ("a.tif", {"subfiletype": 1}),
        ("a.tif", {"extratags": OLD_PREVIEW}),
        ("a.tif", {"extratags": DNG}),
        ("a.NEF", {}),
    ],
)
def test_a_tiff_whose_first_picture_is_a_preview_is_told(name, first, tmp_path):
    path = write_tiff(tmp_path / name, first, {})
    refuse(path, "Only a preview in it could be read, as in any raw photo of a camera. Develop it: export it as JPEG.")
    refuse(Image.open(path), "raw photo of a camera")


@pytest.mark.parametrize("options", [({}, {}), ({"subifds": 1}, {"subfiletype": 1}), ({}, {"subfiletype": 1})])
def test_a_tiff_with_smaller_copies_or_more_pages_is_no_raw_photo(options, tmp_path):
    path = write_tiff(tmp_path / "a.tif", *options, shape=(96, 128, 3))
    assert read_image(path).height == 96


def test_a_preview_alone_and_a_jpeg_with_a_wrong_ending_are_pictures(tmp_path):
    tifffile = pytest.importorskip("tifffile", reason="it comes with scikit-image")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((6, 8, 3), np.uint8), photometric="rgb", subfiletype=1)
    Image.fromarray(ramp()).save(tmp_path / "b.dng", format="JPEG")
    assert [read_image(tmp_path / name).width for name in ("a.tif", "b.dng")] == [8, 32]


@pytest.mark.parametrize(("bits", "factor"), [(12, 16), (10, 64), (8, 256)])
@pytest.mark.parametrize("form", ["array", "grey PNG", "colour PNG"])
def test_few_bits_in_sixteen_are_told(bits, factor, form):
    grey = np.linspace(0, 2**bits - 1, 12).astype(np.uint16).reshape(3, 4)
    source = grey if form == "array" else encode(Image.fromarray(grey), "PNG")
    if form == "colour PNG":
        rows = b"".join(b"\0" + np.repeat(row, 3).astype(">u2").tobytes() for row in grey)
        source = png_of(4, 3, 16, 2, rows)
    with pytest.warns(UserWarning, match=f"{bits}-bit data have to be multiplied by {factor} first"):
        read_image(source)


@pytest.mark.parametrize("grey", [np.zeros((8, 8), np.uint16), np.array([[0, 4096]], np.uint16)])
def test_black_and_dark_pictures_of_sixteen_bits_are_read_quietly(grey, recwarn):
    read_image(grey)
    read_image(encode(Image.fromarray(grey), "PNG"))
    assert not recwarn.list


def test_paths_as_bytes_and_as_addresses_of_files(tmp_path):
    path = tmp_path / "a cat#1.png"
    hv.photo("cat").image().save(path)
    with os.scandir(os.fsencode(tmp_path)) as entries:
        (entry,) = entries
    for source in (bytes(path), path.as_uri(), f"file://localhost{path}", f"file:{path}", entry):
        assert read_image(source).name == "a cat#1"


def test_paths_that_lead_nowhere_are_told_as_paths(tmp_path):
    (tmp_path / "dangling.jpg").symlink_to("gone")
    refuse(b"nowhere/cat.JPG", 'There is no file "nowhere/cat.JPG"')
    refuse(bytes(tmp_path), "is a folder")
    refuse((tmp_path / "gone.png").as_uri(), "There is no file")
    refuse("file://server/cat.png", "There is no file")
    refuse(pathlib.Path("https://example.org/cat.jpg"), "nothing is downloaded")
    refuse(b"a" * 300, "isn't a picture")
    refuse(tmp_path / "dangling.jpg", "is a link to 'gone', which is not there")
    assert "dangling" not in refuse(tmp_path / "danglin.jpg", "There is no file")


def test_a_small_picture_of_plain_bytes_is_no_path():
    assert read_image(b"P6 9 12 255\n" + b"\xc8" * 324).pixels.mean() == 200
