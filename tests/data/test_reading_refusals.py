"""What is no whole picture is refused by read_image, in a sentence."""

import contextlib
import io
import os
import warnings

import numpy as np
import pytest
from PIL import Image, ImageFile

import hrnet_viz as hv
from hrnet_viz.data import reading
from hrnet_viz.data.photo import PhotoError
from hrnet_viz.data.reading import read_image
from tests.data.pictures import encode, png_of, ramp


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "my photo.png"
    file.write_bytes(encode(Image.fromarray(ramp()), "PNG"))
    return file


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


def test_a_file_name_is_quoted_plainly(tmp_path):
    name = tmp_path / "d'été \\ 1.jpg"
    name.write_bytes(b"")
    refuse(name, f'"{name}"', "empty")


def test_a_folder_and_an_address_are_refused(tmp_path):
    refuse(tmp_path, "is a folder")
    refuse("https://example.org/cat.jpg", "nothing is downloaded")


@pytest.mark.skipif(os.name == "nt", reason="the null device of Windows is not a path")
def test_a_device_is_refused_rather_than_read_without_end():
    refuse(os.devnull, "neither a file nor a folder")


def test_empty_content_is_refused(tmp_path):
    (tmp_path / "empty.jpg").touch()
    refuse(tmp_path / "empty.jpg", "is empty", "empty.jpg")
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
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0" * 5000, "isn't a picture"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_hint(content, words):
    refuse(content, words)


def test_text_files_get_the_hint_about_binary_mode():
    refuse(io.StringIO("hello"), "binary mode")


@pytest.mark.filterwarnings("ignore:Truncated File Read")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7])
def test_truncated_files_are_refused(kind, share, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    content = encode(Image.fromarray(noise), kind)
    file = tmp_path / "half.bin"
    file.write_bytes(content[: max(1, int(len(content) * share))])
    refuse(file, "half.bin")


def test_a_truncated_image_that_pil_has_opened_is_refused():
    content = encode(Image.fromarray(ramp(200, 200)), "JPEG")
    refuse(Image.open(io.BytesIO(content[: len(content) // 2])), "truncated")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
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


def refuse_bomb():
    # 40,000 x 40,000 declared in 100 bytes: decoding it would take 5 GB
    refuse(png_of(40_000, 40_000, 8, 2, b"\0"), "million", "smaller copy")


@pytest.mark.parametrize("limit", [None, 10**12])
def test_a_bomb_is_refused_before_decoding_whatever_pillow_is_set_to(limit, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("decoded"))
    refuse_bomb()


def test_a_bomb_is_refused_with_pillows_default_too():
    with pytest.raises(PhotoError, match="Pillow accepts"):
        read_image(png_of(40_000, 40_000, 8, 2, b"\0"))


def test_a_lower_limit_of_pillow_is_respected_in_a_sentence(monkeypatch, path):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    refuse(path, "MAX_IMAGE_PIXELS = 10")


def test_a_bomb_that_was_opened_by_pil_is_refused(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    refuse(Image.open(io.BytesIO(png_of(40_000, 40_000, 8, 2, b"\0"))), "40000 x 40000")


def test_the_limit_lies_below_the_one_at_which_pillow_warns():
    assert reading.PIXEL_LIMIT < 1024 * 1024 * 1024 // 4 // 3


@pytest.mark.parametrize("source", [None, 3, ["cat.jpg"], {"a": 1}, object()])
def test_other_things_are_refused(source):
    refuse(source, "Give a path")


def test_closed_images_are_told(tmp_path):
    hv.photo("cat").image().save(tmp_path / "cat.jpg")
    with Image.open(tmp_path / "cat.jpg") as lazy:
        pass
    with Image.open(tmp_path / "cat.jpg") as loaded:
        loaded.load()
    with pytest.raises(hv.PhotoError, match=r"is closed: .* Call image.load\(\) before"):
        hv.read_image(lazy)
    assert hv.read_image(loaded).width == 451


@pytest.mark.parametrize("brand", [b"heic", b"hevc", b"heim", b"heis", b"msf1", b"mif1"])
def test_every_brand_of_heic_gets_its_hint(brand):
    with pytest.raises(hv.PhotoError, match="HEIC photo: export it as JPEG"):
        hv.read_image(b"\x00\x00\x00\x18ftyp" + brand + bytes(60))


@pytest.mark.parametrize("start", [b"II*\x00\x10\x00\x00\x00CR\x02\x00", b"\x00\x00\x00\x18ftypcrx "])
def test_raw_photos_are_told(start):
    with pytest.raises(hv.PhotoError, match="raw photo of a camera"):
        hv.read_image(start + bytes(80))


def test_a_tiff_whose_first_picture_is_a_preview_is_told(tmp_path):
    tifffile = pytest.importorskip("tifffile", reason="tifffile comes with scikit-image; without it no DNG can be made")
    with tifffile.TiffWriter(tmp_path / "a.dng") as file:
        file.write(np.zeros((6, 8, 3), np.uint8), photometric="rgb", subfiletype=1, subifds=1)
        file.write(np.zeros((384, 512, 3), np.uint8), photometric="rgb")
    with pytest.raises(hv.PhotoError, match=r"of which only a preview could be read\. Develop it"):
        hv.read_image(tmp_path / "a.dng")


def test_twelve_bits_in_sixteen_are_told():
    with pytest.warns(UserWarning, match="multiplied by 16"):
        hv.read_image(np.full((8, 8), 4000, np.uint16))


def test_paths_as_bytes_and_as_addresses_of_files(tmp_path):
    hv.photo("cat").image().save(tmp_path / "a cat.png")
    assert hv.read_image(bytes(tmp_path / "a cat.png")).name == "a cat"
    assert hv.read_image((tmp_path / "a cat.png").as_uri()).width == 451


def test_a_link_to_nothing_says_so(tmp_path):
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(hv.PhotoError, match=r"is a link to .*gone\.png', which is not there"):
        hv.read_image(tmp_path / "link.png")
