"""Every notebook keeps the rules of the course, and every rule is seen to catch what it is for."""

import shutil
from pathlib import Path

import nbformat
import pytest

from tests.looking.notebook_rules import DEVICE_LINE, RULES, Notebook

COURSE = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


def test_the_course_has_begun():
    assert "00_quickstart.ipynb" in {path.name for path in COURSE}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_notebook(path, rule):
    complaints = list(RULES[rule](Notebook(path)))
    assert complaints == []


# ---- each rule seen to fail on a seeded defect --------------------------------------------------------------------

WORDS = "word " * 1200
EXERCISE = "### Exercise 1: count\n\nHow many?\n\n<details><summary>Solution</summary>\n\nTwo.\n\n</details>"


def code(source, *outputs, count=1, tags=()):
    cell = nbformat.v4.new_code_cell(source, execution_count=count, metadata={"tags": list(tags)} if tags else {})
    cell.outputs = list(outputs)
    return cell


def printed(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def shown(text):
    return nbformat.v4.new_output("display_data", {"text/plain": text})


def failed():
    return nbformat.v4.new_output("error", ename="KeyError", evalue="'x'", traceback=[])


def markdown(*texts):
    return [nbformat.v4.new_markdown_cell(text) for text in texts]


START = code(DEVICE_LINE)
GOOD_TEXT = markdown(f"# Title\n\n{WORDS}", EXERCISE)
VARYING = code("# because timings differ between machines\nplot()", printed("fell: True\n"), tags=["picture-varies"])

SEEDED = {
    # what is wrong: (rule, cells after the device line)
    "3.3 MB of text": ("is_small", [code("x", printed("a" * 3_300_000))]),
    "too few words": ("has_the_right_length", markdown("# Title\n\nshort")),
    "code blocks are no words": ("has_the_right_length", markdown(f"# Title\n\n```\n{WORDS}\n```")),
    "too many words": ("has_the_right_length", markdown(WORDS * 3)),
    "26 lines": ("has_short_cells", [code("x\n" * 26)]),
    "never run": ("was_run_from_top_to_bottom", [code("x", count=None)]),
    "run out of order": ("was_run_from_top_to_bottom", [code("x", count=7)]),
    "error output": ("shows_no_error", [code("x", failed())]),
    "stderr": ("shows_no_error", [code("x", printed("oh", "stderr"))]),
    "semicolon": ("has_no_closing_semicolon", [code("plot();")]),
    "ignored without a reason": ("gives_a_reason_for_every_exemption", [code("# NBVAL_IGNORE_OUTPUT\nx")]),
    "skipped by tag without a reason": ("gives_a_reason_for_every_exemption", [code("x", tags=["nbval-skip"])]),
    "varies without a reason": ("gives_a_reason_for_every_exemption", [code("x", tags=["picture-varies"])]),
    "reason of two words": ("gives_a_reason_for_every_exemption", [code("# because so\nx", tags=["nbval-skip"])]),
    "four varying pictures": ("has_few_varying_pictures", [VARYING] * 4),
    "varies and says nothing": ("prints_a_fact_beside_a_varying_picture", [code("plot()", tags=["picture-varies"])]),
    "two device lines": ("names_the_device_in_one_line", [code(DEVICE_LINE)]),
    "device string": ("names_the_device_in_one_line", [code("x.to('cuda:0')")]),
    "device call": ("names_the_device_in_one_line", [code("x.cuda()")]),
    "another device line": ("names_the_device_in_one_line", [code("other = hv.device()")]),
    "path in code": ("shows_nothing_of_this_machine", [code("open('/home/me/x.png')")]),
    "path in output": ("shows_nothing_of_this_machine", [code("x", printed("saved to /tmp/x.png\n"))]),
    "path in text": ("shows_nothing_of_this_machine", markdown(r"look into C:\Users\me")),
    "address in output": ("shows_nothing_random", [code("x", shown("<object at 0x7f00aa11bb22>"))]),
    "graphviz repr": ("shows_nothing_random", [code("x", shown("<graphviz.graphs.Digraph object>"))]),
    "interact": ("follows_the_thumb_without_flicker", [code("widgets.interact(f, x=3)")]),
    "Output widget": ("follows_the_thumb_without_flicker", [code("out = widgets.Output()")]),
    "no exercise": ("folds_the_solution_of_every_exercise", markdown("# Title")),
    "exercise without solution": (
        "folds_the_solution_of_every_exercise",
        markdown("### Exercise 1: a\n\ntext", "### Exercise 2: b\n\n<details>x</details>"),
    ),
    "dead link": ("links_only_to_what_is_there", markdown("[next](99_nothing.ipynb)")),
    "next one after the last": ("links_its_neighbours", markdown("Next: `seeded`.")),
    "dead picture": ("links_only_to_what_is_there", markdown('<img alt="x" src="nothing.png">')),
}


def write(folder, cells, metadata=None):
    path = folder / "seeded.ipynb"
    cells = [nbformat.from_dict({**cell, "id": f"cell-{place}"}) for place, cell in enumerate(cells)]
    numbers = iter(range(1, len(cells) + 1))
    for cell in cells:
        if cell.cell_type == "code":
            place = next(numbers)
            cell.execution_count = place if cell.execution_count == 1 else cell.execution_count
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata or {}), path)
    return Notebook(path)


@pytest.mark.parametrize("defect", SEEDED)
def test_seeded_defect_is_caught(defect, tmp_path):
    rule, cells = SEEDED[defect]
    assert list(RULES[rule](write(tmp_path, [START, *cells])))


def test_large_widget_state_is_caught(tmp_path):
    state = {"application/vnd.jupyter.widget-state+json": {"state": {"a": "b" * 250_000}}}
    assert list(RULES["keeps_little_widget_state"](write(tmp_path, [START], {"widgets": state})))


@pytest.mark.parametrize(
    ("name", "end", "complaints"),
    [
        ("00_a", "Next: [01_b](01_b.ipynb), which goes on.", 0),
        ("01_b", "Previous: [00_a](00_a.ipynb). Next: [02_c](02_c.ipynb), the end.", 0),
        ("02_c", "Previous: [01_b](01_b.ipynb). Begin again with [00_a](00_a.ipynb).", 0),
        ("00_a", "Next: `01_b`", 1),
        ("00_a", "Next: [02_c](02_c.ipynb)", 1),
        ("01_b", "Next: [02_c](02_c.ipynb)", 1),
        ("01_b", "Previous: [00_a](00_b.ipynb). Next: [02_c](02_c.ipynb)", 1),
        ("02_c", "Previous: [01_b](01_b.ipynb). Next: [00_a](00_a.ipynb)", 1),
        ("01_b", "The end.", 2),
    ],
)
def test_neighbours_are_linked_in_order(name, end, complaints, tmp_path):
    for other in ("00_a", "01_b", "02_c"):
        (tmp_path / f"{other}.ipynb").touch()
    nb = Notebook(write(tmp_path, [START, *markdown(end)]).path.rename(tmp_path / f"{name}.ipynb"))
    assert len(list(RULES["links_its_neighbours"](nb))) == complaints


@pytest.mark.parametrize("rule", RULES)
def test_good_notebook_passes(rule, tmp_path):
    harmless = code("# the words cpu and cuda in a comment\nprint('on the cpu or on cuda'); a = b.cpu()", count=1)
    shutil.copy(Path(__file__), tmp_path / "there.py")
    links = markdown("[a](there.py#part) [b](https://example.org/x) `stage3.1.fuse0<-2`")
    nb = write(tmp_path, [START, *GOOD_TEXT, VARYING, harmless, *links])
    assert list(RULES[rule](nb)) == []


def test_every_rule_has_been_seen_to_fail():
    assert {rule for rule, _ in SEEDED.values()} | {"keeps_little_widget_state"} == set(RULES)
