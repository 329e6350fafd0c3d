"""Write copies of the notebooks for students, without solutions and without outputs, and an answer key.

python scripts/student_copies.py                        into student/, the key beside it: answer_key.md
python scripts/student_copies.py --out handout/week1    into another folder, the key beside that
python scripts/student_copies.py --force                also over files that somebody has changed

What is folded away below an exercise or below the five questions goes into the key. The folded answers of "Predict
first" stay: the cells after them talk about these answers. Hints stay, too.
"""

import argparse
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
KEY = "answer_key.md"
RECORD = ".student_copies.json"
"""In the folder of the copies: what was written last, to tell a student's work from a copy that nobody touched."""

HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
FOLD = re.compile(r"\n*<details[^>]*>\s*<summary>(?P<title>.*?)</summary>(?P<body>.*?)</details>", re.DOTALL)
LINK = re.compile(r"(?P<before>\]\(|<img[^>]+src=\")(?P<target>[^)#\s\"]+)")
EXERCISE = re.compile(r"exercise \d", re.IGNORECASE)
QUESTIONS = re.compile(r"five questions", re.IGNORECASE)


class RefusedError(Exception):
    """Writing would lose something; the message says what, and what to do."""


@dataclass(frozen=True)
class Answer:
    """What was folded away at one place: the heading above it, the task or the questions, and the answer."""

    heading: str
    task: str
    body: str


def find_headings(markdown: str) -> list[tuple[int, int, str]]:
    """Give (start, end, words) of each heading; a comment in a block of code is none."""
    blanked = FENCED.sub(lambda match: " " * len(match.group()), markdown)
    return [(*match.span(), match.group(1)) for match in HEADING.finditer(blanked)]


def holds_an_answer(heading: str, title: str) -> bool:
    """Whether a fold of this title below this heading is a solution or answers the five questions."""
    if title.strip().lower().startswith("hint"):
        return False
    return bool(EXERCISE.search(heading) or QUESTIONS.search(heading)) or title.strip().lower().startswith("solution")


def split_answers(notebook: NotebookNode, name: str) -> list[Answer]:
    """Take the answers out of a notebook's Markdown cells, in place, and give them in order.

    Raises:
        RefusedError: a fold is not closed, so that nobody can tell what it holds.
    """
    found: list[Answer] = []
    heading = ""
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown":
            continue
        text = cell.source
        if text.count("<details") != text.count("</details>"):
            raise RefusedError(
                f"Cell {number} of {name} opens a <details> that it does not close: close it. Nothing was written."
            )
        headings = [(0, 0, heading), *find_headings(text)]
        kept, place = [], 0
        for fold in FOLD.finditer(text):
            _, end, words = next(one for one in reversed(headings) if one[0] <= fold.start())
            if holds_an_answer(words, fold["title"]):
                task = FOLD.sub("", text[end : fold.start()]).strip()
                found.append(Answer(words, task, fold["body"].strip()))
                kept.append(text[place : fold.start()])
                place = fold.end()
        cell.source = "".join([*kept, text[place:]])
        heading = headings[-1][2]
    return found


def make_copy(notebook: NotebookNode, name: str) -> tuple[NotebookNode, list[Answer]]:
    """Give a copy without outputs, counts, widget states and answers, and the answers."""
    copy = nbformat.from_dict(json.loads(json.dumps(notebook)))
    copy.metadata = nbformat.from_dict(
        {k: copy.metadata[k] for k in ("kernelspec", "language_info") if k in copy.metadata}
    )
    for cell in copy.cells:
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in ("tags",) if key in cell.metadata})
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return copy, split_answers(copy, name)


def point_links(copy: NotebookNode, source: Path, out: Path, copied: set[str]) -> Iterator[str]:
    """Let links lead to the same files from the new folder, in place; yield those that can't."""

    def point(match: re.Match[str]) -> str:
        target = match["target"]
        if re.match(r"[a-z]+:", target) or target in copied:
            return match.group()
        file = (source / target).resolve()
        if not (out.is_relative_to(ROOT) and file.is_relative_to(ROOT)):
            lost.append(target)
            return match.group()
        return match["before"] + Path(os.path.relpath(file, out)).as_posix()

    lost: list[str] = []
    for cell in copy.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(point, cell.source)
    yield from lost


def write_key(answers: dict[str, list[Answer]]) -> str:
    """Compose the answer key: per notebook its title, then every task with its answer."""
    parts = ["# Answer key", "For lecturers. Written by `make student` from the notebooks; change it there."]
    for title, given in answers.items():
        parts.append(f"## {title}")
        for answer in given:
            parts += [f"### {answer.heading}", answer.task, "**Answer**", answer.body]
    return "\n\n".join(part for part in parts if part) + "\n"


def title_of(notebook: NotebookNode, path: Path) -> str:
    """First heading of a notebook, with its file name."""
    headings = (
        words for cell in notebook.cells if cell.cell_type == "markdown" for *_, words in find_headings(cell.source)
    )
    return f"{next(headings, path.stem)} (`{path.name}`)"


def digest(data: bytes) -> str:
    """SHA-256 of a file's bytes."""
    return hashlib.sha256(data).hexdigest()


def refuse_to_lose(out: Path, files: Sequence[Path]) -> None:
    """Raise unless every file that would be written over is one that this script wrote and nobody changed since."""
    record = out / RECORD
    if out.is_dir() and any(out.iterdir()) and not record.exists():
        raise RefusedError(
            f"{out} is not empty, and not a folder that `make student` has written. Nothing was written. "
            "Choose another folder with OUT=folder, or write into it anyway with FORCE=1."
        )
    last = json.loads(record.read_text(encoding="utf8")) if record.exists() else {}
    changed = [file for file in files if file.exists() and last.get(file.name) != digest(file.read_bytes())]
    if changed:
        raise RefusedError(
            f"Somebody has worked in {', '.join(str(file) for file in changed)} since `make student` wrote there. "
            "Nothing was written. Choose another folder with OUT=folder, or lose that work with FORCE=1."
        )


def write_copies(source: Path, out: Path, *, force: bool = False) -> Iterator[str]:
    """Write copies and key; yield what to tell.

    Args:
        source: folder of the notebooks.
        out: folder of the copies; the key is written beside it, so that the folder can be handed out as it is.
        force: write over work that somebody else has done there.

    Raises:
        RefusedError: something would be lost, or a notebook cannot be taken apart.
    """
    source, out = source.resolve(), out.resolve()
    paths = sorted(source.glob("*.ipynb"))
    if out == source or not paths:
        raise RefusedError(
            f"{out} is where the notebooks are: choose another folder." if paths else f"No notebook in {source}."
        )
    texts: dict[Path, str] = {}
    answers: dict[str, list[Answer]] = {}
    told: list[str] = []
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        title = title_of(notebook, path)
        copy, answers[title] = make_copy(notebook, path.name)
        lost = point_links(copy, source, out, {other.name for other in paths})
        told += [
            f"{path.name} links to {target}, which a copy there does not reach: hand it out, too." for target in lost
        ]
        texts[out / path.name] = nbformat.writes(copy) + "\n"
    texts[out.parent / KEY] = write_key(answers)
    if not force:
        refuse_to_lose(out, list(texts))
    out.mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        file.write_bytes(text.encode())
    written = {file.name: digest(text.encode()) for file, text in texts.items()}
    (out / RECORD).write_text(json.dumps(written, indent=1) + "\n", encoding="utf8")
    yield from told
    yield f"{len(paths)} notebooks in {out}; the key, {out.parent / KEY}, is not among them."


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the copies; returns 1, with a sentence on stderr, when something would be lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "student", help="folder of the copies; default: student/")
    parser.add_argument("--notebooks", type=Path, default=NOTEBOOKS, help="the notebooks; default: notebooks/")
    parser.add_argument("--force", action="store_true", help="write over files that somebody has changed")
    given = parser.parse_args(arguments)
    try:
        for line in write_copies(given.notebooks, given.out, force=given.force):
            print(line)
    except RefusedError as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
