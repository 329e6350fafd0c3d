"""README and notebooks/README: every notebook is named, every picture and link is there, what they quote is so."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = {"root": ROOT / "README.md", "course": ROOT / "notebooks" / "README.md"}
COURSE = sorted((ROOT / "notebooks").glob("*.ipynb"))
PICTURE = re.compile(r"<img\s[^>]*>")
LARGEST_PICTURE = 150_000  # bytes


@pytest.fixture(params=FILES)
def readme(request):
    return FILES[request.param]


@pytest.fixture(scope="module")
def course_text():
    return FILES["course"].read_text(encoding="utf8")


def words_of(path):
    return "\n\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")


def test_every_notebook_is_linked_in_order(readme):
    prefix = "notebooks/" if readme == FILES["root"] else ""
    found = re.findall(rf"\[(\w+)\]\({prefix}(\w+)\.ipynb\)", readme.read_text(encoding="utf8"))
    assert all(name == target for name, target in found)
    table = [name for name, _ in found][-len(COURSE) :]
    assert table == [path.stem for path in COURSE]


def test_every_link_and_picture_is_there(readme):
    text = re.sub(r"```.*?```", "", readme.read_text(encoding="utf8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)\)|(?:src|srcset)=\"([^\"]+)\"", text)
    missing = [name for pair in links if not (readme.parent / (name := "".join(pair))).exists()]
    assert len(links) > len(COURSE)
    assert missing == []


def test_every_picture_has_words_and_is_small(readme):
    pictures = PICTURE.findall(readme.read_text(encoding="utf8"))
    assert pictures
    for tag in pictures:
        assert re.search(r"alt=\"[^\"]{20,}\"", tag), tag
        file = readme.parent / re.search(r"src=\"([^\"]+)\"", tag).group(1)
        assert "covers" not in file.parts or file.stat().st_size <= LARGEST_PICTURE, file


def test_each_notebook_has_its_picture_and_its_own_minutes(course_text):
    rows = re.findall(r"covers/(\w+)\.png.*?\*\*\[(\w+)\].*?\*\*, (\d+) minutes", course_text, re.DOTALL)
    assert [name for _, name, _ in rows] == [path.stem for path in COURSE]
    for path, (picture, name, minutes) in zip(COURSE, rows, strict=True):
        assert name.startswith(picture)
        assert f"About {minutes} minutes" in words_of(path)


def test_sections_that_the_paths_send_to_are_there(course_text):
    headings = [heading for path in COURSE for heading in re.findall(r"^#+ (.+)$", words_of(path), re.MULTILINE)]
    paths = course_text.split("## Three paths")[1].split("\n## ")[0]
    named = re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", " ".join(paths.split()))
    assert len(named) >= 5
    assert [name for name in named if not any(heading.startswith(name) for heading in headings)] == []
