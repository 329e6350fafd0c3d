"""The rules that every notebook of the course keeps, each a function from a notebook to sentences on what breaks it."""

import io
import json
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbval.plugin import find_comment_markers, find_metadata_tags

LARGEST_FILE = 3_000_000  # bytes
LARGEST_WIDGET_STATE = 200_000  # bytes
FEWEST_WORDS, MOST_WORDS = 1_000, 2_500
LONGEST_CELL = 25  # lines
MOST_VARYING = 3  # pictures that may differ from run to run
DEVICE_LINE = "device = hv.device()"
REASON = re.compile(r"^# because \S+( \S+){2,}", re.MULTILINE)
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(?:home|root|tmp|work|Users|mnt|usr|opt|var|etc)/|\b[A-Z]:\\\\?\w")
FLICKERS = re.compile(r"\b(interact|interactive|interact_manual|interactive_output|clear_output)\s*\(|\bOutput\s*\(")
RANDOM = re.compile(r"\bat 0x[0-9a-f]{6,}|<graphviz\.|\bWarning:")
EXERCISE = re.compile(r"^(#+)\s+.*\bexercise\s+\d", re.IGNORECASE | re.MULTILINE)


@dataclass
class Notebook:
    """A parsed notebook with what the rules ask for again and again."""

    path: Path
    node: nbformat.NotebookNode = field(init=False)

    def __post_init__(self) -> None:
        self.node = nbformat.read(self.path, as_version=4)

    def code(self) -> Iterator[tuple[int, nbformat.NotebookNode]]:
        """Code cells with their number among all cells, counted from 0."""
        return ((n, cell) for n, cell in enumerate(self.node.cells) if cell.cell_type == "code")

    @property
    def markdown(self) -> str:
        return "\n\n".join(cell.source for cell in self.node.cells if cell.cell_type == "markdown")


Rule = Callable[[Notebook], Iterator[str]]
RULES: dict[str, Rule] = {}


def rule(check: Rule) -> Rule:
    RULES[check.__name__] = check
    return check


@rule
def is_small(nb: Notebook) -> Iterator[str]:
    size = nb.path.stat().st_size
    if size > LARGEST_FILE:
        yield f"{size / 1e6:.2f} MB; at most {LARGEST_FILE / 1e6:.0f} MB"


@rule
def keeps_little_widget_state(nb: Notebook) -> Iterator[str]:
    size = len(json.dumps(nb.node.metadata.get("widgets", {})))
    if size > LARGEST_WIDGET_STATE:
        yield f"{size / 1e3:.0f} kB of widget state; at most {LARGEST_WIDGET_STATE / 1e3:.0f} kB"


def count_words(markdown: str) -> int:
    """Words that a reader reads: no code blocks, tags, formulas, link targets."""
    for noise in (r"```.*?```", r"</?[a-zA-Z][^>]*>", r"\$\$.*?\$\$", r"\$[^$\n]+\$", r"\]\([^)]*\)"):
        markdown = re.sub(noise, " ", markdown, flags=re.DOTALL)
    return len(re.findall(r"\w[\w'\u2019.<>-]*", markdown))


@rule
def has_the_right_length(nb: Notebook) -> Iterator[str]:
    words = count_words(nb.markdown)
    if not FEWEST_WORDS <= words <= MOST_WORDS:
        yield f"{words} words; a notebook has {FEWEST_WORDS} to {MOST_WORDS}"


@rule
def has_short_cells(nb: Notebook) -> Iterator[str]:
    for number, cell in nb.code():
        lines = len(cell.source.splitlines())
        if lines > LONGEST_CELL:
            yield f"cell {number} has {lines} lines; at most {LONGEST_CELL}"


@rule
def was_run_from_top_to_bottom(nb: Notebook) -> Iterator[str]:
    for place, (number, cell) in enumerate(nb.code(), start=1):
        if cell.execution_count != place:
            yield f"cell {number} has execution count {cell.execution_count}, {place} expected: run `make notebooks`"


@rule
def shows_no_error(nb: Notebook) -> Iterator[str]:
    for number, cell in nb.code():
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"cell {number} ends with {output.ename}: {output.evalue}"
            elif output.get("name") == "stderr":
                yield f"cell {number} writes to stderr: {output.text[:80]!r}"


@rule
def has_no_closing_semicolon(nb: Notebook) -> Iterator[str]:
    for number, cell in nb.code():
        if any(line.rstrip().endswith(";") for line in cell.source.splitlines()):
            yield f"cell {number} has a line that ends with ';', which nbval does not honour"


def nbval_markers(cell: nbformat.NotebookNode) -> set[str]:
    """Names of nbval's own switches (skip, check, check_exception) that a cell flips."""
    markers = [*find_comment_markers(cell.source), *find_metadata_tags(cell.metadata)]
    return {marker[0] if isinstance(marker, tuple) else marker for marker in markers}


def varies(cell: nbformat.NotebookNode) -> bool:
    return "picture-varies" in cell.metadata.get("tags", [])


@rule
def gives_a_reason_for_every_exemption(nb: Notebook) -> Iterator[str]:
    for number, cell in nb.code():
        if (nbval_markers(cell) or varies(cell)) and not REASON.search(cell.source):
            yield f"cell {number} is exempt from a comparison without a line '# because ...' that says why"


@rule
def has_few_varying_pictures(nb: Notebook) -> Iterator[str]:
    count = sum(varies(cell) for _, cell in nb.code())
    if count > MOST_VARYING:
        yield f"{count} cells are tagged picture-varies; at most {MOST_VARYING}"


@rule
def prints_a_fact_beside_a_varying_picture(nb: Notebook) -> Iterator[str]:
    for number, cell in nb.code():
        if varies(cell) and not any(output.get("name") == "stdout" for output in cell.outputs):
            yield f"cell {number} is tagged picture-varies and prints no fact that is checked in its place"


def device_literals(source: str) -> Iterator[str]:
    """Strings that name a device, and calls that go to one, in one cell's code."""
    plain = re.sub(r"^\s*[%!].*$", "", source, flags=re.MULTILINE)
    for token in tokenize.generate_tokens(io.StringIO(plain).readline):
        named = re.fullmatch(r"[a-zA-Z]*[\"'](cuda|cpu|mps)(:\d+)?[\"']", token.string)
        if token.type == tokenize.STRING and named:
            yield token.string
    yield from re.findall(r"\.cuda\b", plain)


@rule
def names_the_device_in_one_line(nb: Notebook) -> Iterator[str]:
    lines = [line for _, cell in nb.code() for line in cell.source.splitlines() if "hv.device" in line]
    if lines != [DEVICE_LINE]:
        yield f"exactly one line asks for the device: {DEVICE_LINE!r}; found {lines}"
    for number, cell in nb.code():
        for literal in device_literals(cell.source):
            yield f"cell {number} names a device: {literal}"


@rule
def shows_nothing_of_this_machine(nb: Notebook) -> Iterator[str]:
    for number, cell in enumerate(nb.node.cells):
        for text in [cell.source, *texts_of(cell)]:
            found = MACHINE_PATH.search(text)
            if found:
                yield f"cell {number} holds an absolute path: ...{text[found.start() : found.start() + 40]!r}"


def texts_of(cell: nbformat.NotebookNode) -> Iterator[str]:
    """Everything that a cell's outputs say in words."""
    for output in cell.get("outputs", []):
        yield from (str(output[key]) for key in ("text", "evalue") if key in output)
        yield from (str(text) for kind, text in output.get("data", {}).items() if kind.startswith("text/"))


@rule
def shows_nothing_random(nb: Notebook) -> Iterator[str]:
    for number, cell in nb.code():
        found = [match.group() for text in texts_of(cell) if (match := RANDOM.search(text))]
        if found:
            yield f"cell {number} shows what differs from run to run: {found[0]!r}"


@rule
def follows_the_thumb_without_flicker(nb: Notebook) -> Iterator[str]:
    for number, cell in nb.code():
        found = FLICKERS.search(cell.source)
        if found:
            yield f"cell {number} calls {found.group()}...): it flickers and breaks nbval; swap an Image widget's value"


@rule
def folds_the_solution_of_every_exercise(nb: Notebook) -> Iterator[str]:
    headings = list(EXERCISE.finditer(nb.markdown))
    if not headings:
        yield "no heading like '### Exercise 1: ...'"
    for heading in headings:
        rest = nb.markdown[heading.end() :]
        section = re.split(rf"^#{{1,{len(heading.group(1))}}}\s", rest, maxsplit=1, flags=re.MULTILINE)[0]
        if "<details" not in section:
            yield f"'{heading.group().strip()}' has no folded solution (<details>) before the next heading"


@rule
def links_only_to_what_is_there(nb: Notebook) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)|<img[^>]+src=\"([^\"]+)\"", nb.markdown):
        name = "".join(target)
        if not re.match(r"[a-z]+:", name) and not (nb.path.parent / name).exists():
            yield f"a link to {name}, which is not there"


@rule
def links_its_neighbours(nb: Notebook) -> Iterator[str]:
    course = sorted(nb.path.parent.glob("*.ipynb"))
    place = course.index(nb.path)
    neighbours = {"Previous": course[:place][-1:], "Next": course[place + 1 :][:1]}
    end = nb.node.cells[-1].source
    for word, found in neighbours.items():
        for other in found:
            link = f"{word}: [{other.stem}]({other.name})"
            if link not in end:
                yield f"the last cell lacks the link '{link}'"
        if not found and f"{word}:" in end:
            yield f"the last cell says '{word}:', and there is none"
