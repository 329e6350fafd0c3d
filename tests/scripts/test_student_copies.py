"""``make student``: copies hold everything but the answers, the key holds them all, nobody's work is lost."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from scripts import student_copies
from scripts.student_copies import KEY, RefusedError, write_copies

ROOT = Path(__file__).resolve().parents[2]
COURSE = sorted((ROOT / "notebooks").glob("*.ipynb"))
SOLUTION = re.compile(r"<summary>Solution</summary>(.*?)</details>", re.DOTALL)
ANSWERED = r"(?m:^## Five questions$)(.*?)<details><summary>Answers</summary>(.*?)</details>"
QUESTIONS = re.compile(ANSWERED, re.DOTALL)


def texts_of(path, kind="markdown"):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def answers_of(path):
    """Every solution and every answer to the five questions, whole and in paragraphs and lines."""
    whole = "\n\n".join(texts_of(path))
    solutions = [match.strip() for match in SOLUTION.findall(whole)]
    questions = [line for _, body in QUESTIONS.findall(whole) for line in body.strip().splitlines()]
    assert len(solutions) >= 3, "the course has at least three exercises per notebook"
    assert len(questions) >= 5, "and five questions"
    return [*solutions, *(part for text in solutions for part in text.split("\n\n")), *questions]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("lecture") / "student"
    list(write_copies(ROOT / "notebooks", out))
    return out


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_no_answer_is_left_and_each_is_in_the_key(path, written):
    copy = (written / path.name).read_text(encoding="utf8")
    left = "\n\n".join(texts_of(written / path.name) + texts_of(written / path.name, "code"))
    key = (written.parent / KEY).read_text(encoding="utf8")
    for answer in answers_of(path):
        assert answer not in left
        assert answer in key
    assert "<summary>Solution" not in copy


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_a_copy_is_a_notebook_with_the_same_code_and_nothing_that_was_run(path, written):
    original, copy = (nbformat.read(where, as_version=4) for where in (path, written / path.name))
    nbformat.validate(copy)
    assert [cell.id for cell in copy.cells] == [cell.id for cell in original.cells]
    for cell, before in zip(copy.cells, original.cells, strict=True):
        if cell.cell_type == "code":
            assert cell.source == before.source
            assert (cell.outputs, cell.execution_count) == ([], None)
    assert "widgets" not in copy.metadata


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_questions_and_predictions_stay(path, written):
    whole, left = ("\n\n".join(texts_of(where)) for where in (path, written / path.name))
    assert QUESTIONS.search(whole).group(1).strip() in left
    taken = len(re.findall(r"^### Exercise", whole, re.MULTILINE)) + 1
    assert left.count("<details") == whole.count("<details") - taken > 0


def test_the_key_names_every_exercise_of_the_course(written):
    from hrnet_viz.course.core import exercises

    key = (written.parent / KEY).read_text(encoding="utf8")
    assert re.findall(r"^### Exercise (\S+)", key, re.MULTILINE) == list(exercises())
    assert key.count("\n### Five questions\n") == len(COURSE)


def test_the_folder_can_be_handed_out_as_it_is(written):
    assert {file.name for file in written.iterdir()} == {path.name for path in COURSE} | {student_copies.RECORD}


# ---- notebooks made for the occasion ------------------------------------------------------------------------------

SMALL = (
    "# Title\n\n## Predict first\n\n<details><summary>Answer</summary>\n\nstays\n\n</details>",
    "## Exercises\n\n### Exercise 1\n\nDo it.\n\n<details><summary>Hint</summary>\n\nnudge\n\n</details>",
    "```python\n# a comment\n```\n\n<details open>\n<summary>One way</summary>\n\nsecret\n\n</details>\n\nAfter.",
)


def make(folder, *texts):
    folder.mkdir(parents=True, exist_ok=True)
    cells = [nbformat.v4.new_markdown_cell(text, id=f"c{n}") for n, text in enumerate(texts)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "01_small.ipynb")
    return folder


def test_an_answer_in_a_later_cell_belongs_to_the_exercise_above(tmp_path):
    list(write_copies(make(tmp_path / "notebooks", *SMALL), tmp_path / "student"))
    left = texts_of(tmp_path / "student" / "01_small.ipynb")
    assert left == [*SMALL[:2], "```python\n# a comment\n```\n\nAfter."]
    key = (tmp_path / KEY).read_text()
    assert "secret" in key
    assert "stays" not in key


def test_a_fold_that_is_not_closed_stops_everything(tmp_path):
    source = make(tmp_path / "notebooks", "### Exercise 1\n\n<details><summary>Solution</summary>\n\nsecret")
    with pytest.raises(RefusedError, match=r"Cell 0 of 01_small\.ipynb opens a <details>"):
        list(write_copies(source, tmp_path / "student"))
    assert not (tmp_path / "student").exists()


def test_links_lead_to_the_same_file_or_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(student_copies, "ROOT", tmp_path / "repository")
    links = "[code](../code.py) [next](01_small.ipynb) [web](https://example.org)\n\n<img alt='' src=\"../a/b.png\">"
    source = make(tmp_path / "repository" / "notebooks", links)
    inside, outside = tmp_path / "repository" / "hand" / "out", tmp_path / "elsewhere" / "out"
    told = list(write_copies(source, inside))
    assert len(told) == 1
    assert texts_of(inside / "01_small.ipynb") == [links.replace("../", "../../")]
    told = list(write_copies(source, outside))
    assert [line.split()[3] for line in told[:-1]] == ["../code.py,", "../a/b.png,"]
    assert texts_of(outside / "01_small.ipynb") == [links]


# ---- nobody's work is lost ----------------------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path):
    return make(tmp_path / "notebooks", *SMALL)


def test_a_folder_of_somebody_else_is_refused(tmp_path, source):
    theirs = make(tmp_path / "student", "my work") / "01_small.ipynb"
    with pytest.raises(RefusedError, match=r"student is not empty, and not a folder that .* Nothing was written"):
        list(write_copies(source, theirs.parent))
    assert texts_of(theirs) == ["my work"]
    list(write_copies(source, theirs.parent, force=True))
    assert texts_of(theirs) != ["my work"]


def test_untouched_copies_are_renewed_and_changed_ones_are_not(tmp_path, source):
    out = tmp_path / "student"
    list(write_copies(source, out))
    make(source, "# New title")
    list(write_copies(source, out))
    assert texts_of(out / "01_small.ipynb") == ["# New title"]
    (out / "own.ipynb").write_text("a notebook that is not ours is in nobody's way")
    make(out, "# New title", "my answer")
    with pytest.raises(RefusedError, match=r"Somebody has worked in .*01_small\.ipynb"):
        list(write_copies(source, out))
    assert texts_of(out / "01_small.ipynb") == ["# New title", "my answer"]


def test_a_key_that_somebody_wrote_into_is_kept(tmp_path, source):
    list(write_copies(source, tmp_path / "student"))
    (tmp_path / KEY).write_text("with my remarks")
    with pytest.raises(RefusedError, match=KEY):
        list(write_copies(source, tmp_path / "student"))
    assert (tmp_path / KEY).read_text() == "with my remarks"


def test_the_course_itself_is_never_written_over(source):
    with pytest.raises(RefusedError, match="choose another folder"):
        list(write_copies(source, source, force=True))


def test_the_command_refuses_in_a_sentence(tmp_path, source):
    shutil.copytree(source, tmp_path / "student")
    command = [
        sys.executable,
        ROOT / "scripts" / "student_copies.py",
        "--notebooks",
        source,
        "--out",
        tmp_path / "student",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "is not empty" in done.stderr
    assert subprocess.run([*command, "--force"], capture_output=True, check=False).returncode == 0
