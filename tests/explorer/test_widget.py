"""The Python side: every choice is a trait, checked in a sentence; answers go out as buffers; nothing stays behind."""

import gc
import sys
import weakref
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch
import traitlets
from ipywidgets.widgets import widget as widgets

import hrnet_viz as hv
from hrnet_viz.explorer.description import STATE
from hrnet_viz.explorer.static import LARGEST_STORED
from hrnet_viz.explorer.widget import Explorer, explore
from hrnet_viz.sites import SiteError
from tests.explorer.driving import NET

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def explorer(small_net):
    made = explore(small_net, hv.photo("cat"))
    yield made
    made.close()


def test_it_starts_with_something_to_see(explorer):
    assert explorer.site == "stage3.0.branch0"
    assert explorer.photo == "cat"
    assert explorer.place == (32, 32)
    assert (explorer.target, explorer.contrast, explorer.factor) == ("", "", 1.0)
    assert repr(explorer) == "Explorer()"


def test_every_choice_is_a_trait_that_can_be_watched(explorer):
    assert set(STATE) <= set(explorer.traits(sync=True))
    seen = []
    explorer.observe(lambda change: seen.append((change["name"], change["new"])))
    explorer.site = "stage4.0.fuse2<-3"
    explorer.channel = 5
    explorer.panel = "exchange"
    explorer.place = (3, 40)
    assert [entry for entry in seen if entry[0] in STATE] == [
        ("site", "stage4.0.fuse2<-3"),
        ("channel", 5),
        ("panel", "exchange"),
        ("place", (3, 40)),
    ]
    assert explorer.choices["place"] == (3, 40)


def test_a_published_name_and_an_inner_site_are_understood(explorer):
    explorer.site = "stage3.0.fuse_layers.0.2"
    assert explorer.site == "stage3.0.fuse0<-2"
    explorer.site = "stage3.0.branch0.block1.bn1"
    assert explorer.site == "stage3.0.branch0.block1.bn1"


def test_an_address_may_name_the_channel(explorer, small_net):
    explorer.site = "stage4.0.out0[5]"
    assert (explorer.site, explorer.channel) == ("stage4.0.out0", 5)
    explorer.site = "stage4.0.out0[3]"
    assert (explorer.site, explorer.channel) == ("stage4.0.out0", 3)
    explorer.site = "stage4.0.out1"
    assert explorer.channel == 3
    for wrong in ("stage4.0.out0[99]", "stage4.0.out0[3,5]"):
        with (
            pytest.raises(SiteError, match=r"channels")
            if "99" in wrong
            else pytest.raises(ValueError, match="give one")
        ):
            explorer.site = wrong
        assert (explorer.site, explorer.channel) == ("stage4.0.out1", 3)
    made = explore(small_net, hv.photo("cat"), site="stage4.0.out0[5]")
    assert (made.site, made.channel) == ("stage4.0.out0", 5)


def test_the_channel_stays_within_the_site(explorer):
    explorer.site = "stage1"
    explorer.channel = 100
    explorer.site = "stage4.0.branch0"
    assert explorer.channel == 15


@pytest.mark.parametrize(
    ("choice", "value", "error", "words"),
    [
        ("site", "stage9.0.branch0", SiteError, "stage9"),
        ("channel", 16, traitlets.TraitError, "has 16 channels, counted from 0"),
        ("photo", "nobody", hv.PhotoError, "There is no photo 'nobody'"),
        ("target", "cow", ValueError, "knows no class 'cow'"),
        ("sort", "beauty", traitlets.TraitError, "beauty"),
        ("factor", 3.0, traitlets.TraitError, "factor"),
        ("zoom", 3, traitlets.TraitError, "zoom"),
    ],
)
def test_a_wrong_choice_is_refused_in_words_and_changes_nothing(explorer, choice, value, error, words):
    before = explorer.choices
    with pytest.raises(error, match=words):
        setattr(explorer, choice, value)
    assert explorer.choices == before


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"chanel": 5}, r"Explorer has no choice 'chanel'\. Did you mean 'channel'"),
        ({"panel": "magic"}, "expected any of .*'maps'.*, not the str 'magic'"),
        ({"channel": 999}, "has 16 channels, counted from 0; channel 999 was asked for"),
        ({"place": (1, 2, 3)}, "requires 2 elements"),
        ({"target": "cow"}, "knows no class 'cow'"),
    ],
)
def test_a_choice_that_there_is_not_opens_nothing(small_net, choices, words):
    gc.collect()
    before = len(widgets._instances)
    with pytest.raises(ValueError, match=words):
        hv.explore(small_net, hv.photo("cat"), **choices)
    gc.collect()
    assert len(widgets._instances) == before


def test_a_misspelt_choice_is_not_kept_either(explorer):
    with pytest.raises(ValueError, match=r"Explorer has no choice 'fctor'\. Did you mean 'factor'"):
        explorer.fctor = 2


@pytest.mark.parametrize("photos", [[], (), torch.zeros(0, 3, 64, 64)])
def test_without_a_photo_there_is_nothing_to_explore(small_net, photos):
    with pytest.raises(hv.PhotoError, match=r"none was given\. Give one|at least one picture"):
        hv.explore(small_net, photos)


@pytest.mark.parametrize("make", [hv.explore, hv.Explorer], ids=["explore", "Explorer"])
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("teaching", r"a str was given\. Make it one: net = hv\.load\('teaching'\)"),
        (torch.nn.Linear(2, 2), r"a Linear was given\. .*load_state_dict"),
        (hv.photo("cat"), "a Photo was given"),
    ],
)
def test_what_is_no_net_is_refused_at_the_door(make, given, words):
    with pytest.raises(TypeError, match=f"{make.__name__} takes an HRNet first, but {words}"):
        make(given, hv.photo("cat"))


def test_state_can_be_given_at_once(small_net):
    made = explore(small_net, hv.photo("cat"), site="stem", channel=40, panel="cam", target="dog", theme="dark")
    assert (made.site, made.channel, made.panel, made.target, made.theme) == ("stem", 40, "cam", "dog", "dark")
    made.close()


# ---- questions of the page -------------------------------------------------------------------------------------------


@pytest.fixture
def sent(explorer, monkeypatch):
    messages = []
    monkeypatch.setattr(explorer, "send", lambda content, buffers=(): messages.append((content, buffers)))
    return messages


def test_an_answer_carries_its_number_and_its_bytes(explorer, sent):
    explorer._handle_custom_msg({"ask": 7, "question": ["channel", "cat", "stem", 1]}, [])
    ((content, buffers),) = sent
    assert content["answer"] == 7
    assert "error" not in content
    expected = hv.trace(explorer._server.net, hv.photo("cat"))["stem"][0, 1].numpy()
    np.testing.assert_array_equal(np.frombuffer(buffers[0], "<f4").reshape(expected.shape), expected)


@pytest.mark.parametrize(
    ("question", "words"),
    [(["maps", "cat", "no"], "'no'"), (["maps"], "missing"), (["channel", "cat", "stem", "x"], "")],
)
def test_whatever_is_wrong_the_page_gets_an_answer(explorer, sent, question, words):
    explorer._handle_custom_msg({"ask": 1, "question": question}, [])
    assert words in sent[0][0]["error"]
    assert sent[0][0]["error"]


def test_other_messages_are_not_answered(explorer, sent):
    explorer._handle_custom_msg({"hello": 1}, [])
    assert sent == []


# ---- what a notebook stores ------------------------------------------------------------------------------------------


def test_what_a_notebook_shows_is_a_picture_and_the_widget(explorer, monkeypatch):
    shown = publish(explorer, monkeypatch)
    (style, _), (picture, facts), (widget, _) = shown
    assert "hv-one-of-two" in style["text/html"]
    assert picture["image/png"].startswith(b"\x89PNG")
    assert len(picture["image/png"]) <= LARGEST_STORED
    assert facts["image/png"]["alt"] == explorer.figure().alt != ""
    assert widget[WIDGET]["model_id"] == explorer.model_id
    assert widget["text/plain"] == "Explorer()"


def publish(explorer, monkeypatch):
    """What the explorer publishes when it is shown: data and metadata of each output."""
    shown = []
    monkeypatch.setattr(
        "IPython.display.publish_display_data", lambda data, metadata=None: shown.append((data, metadata))
    )
    explorer._ipython_display_()
    return shown


def test_colab_is_told_where_its_manager_of_foreign_widgets_is(small_net, monkeypatch):
    url, asked = "https://example.org/manager.js", []
    colab = SimpleNamespace(
        enable_custom_widget_manager=lambda: asked.append(1), _widgets=SimpleNamespace(_installed_url=url)
    )
    monkeypatch.setitem(sys.modules, "google.colab.output", colab)
    explorer = explore(small_net, hv.photo("cat"))
    assert publish(explorer, monkeypatch)[-1][1] == {WIDGET: {"colab": {"custom_widget_manager": {"url": url}}}}
    explorer.close()


def test_an_exported_page_has_the_text_alternative(tmp_path):
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter

    cells = [nbformat.v4.new_code_cell(source) for source in (NET.strip(), 'explore(net, hv.photo("cat"))')]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=120).execute()
    page, _ = HTMLExporter(template_name="classic").from_notebook_node(notebook)
    assert "No description has been provided" not in page
    assert 'alt="Channel grid of stage3.0.branch0' in page


def test_the_stored_state_is_the_choices_and_the_front_end(explorer):
    explorer._handle_custom_msg({"ask": 1, "question": ["maps", "cat", "stage1"]}, [])
    state = explorer.get_state()
    assert len(str(state)) + LARGEST_STORED * 4 / 3 < 200_000
    assert not [key for key, value in state.items() if isinstance(value, bytes)]


# ---- lifetime --------------------------------------------------------------------------------------------------------


def test_fifty_explorers_leave_nothing_behind(small_net):
    def open_and_close():
        made = explore(small_net, hv.photo("cat"))
        made._server.answer(["photo", "cat"])
        made.close()
        return weakref.ref(made)

    before = len(widgets._instances)
    gone = [open_and_close() for _ in range(50)]
    gc.collect()
    assert [ref() for ref in gone if ref() is not None] == []
    assert len(widgets._instances) == before


def test_closing_lets_go_of_net_and_tensors(small_net):
    made = explore(small_net, hv.photo("cat"))
    tensor = weakref.ref(made._server.trace("cat")["stem"])
    made.close()
    made.close()
    gc.collect()
    assert tensor() is None
    assert isinstance(made, Explorer)


@pytest.mark.parametrize(
    "use",
    [
        lambda ex: ex.figure(),
        lambda ex: ex.save("never.html"),
        lambda ex: ex._ipython_display_(),
        lambda ex: setattr(ex, "site", "stem"),
        lambda ex: setattr(ex, "photo", "coffee"),
    ],
    ids=["figure", "save", "display", "site", "photo"],
)
def test_a_closed_explorer_says_that_it_is_closed(small_net, use):
    made = explore(small_net, hv.photo("cat"))
    made.close()
    with pytest.raises(ValueError, match=r"This explorer was closed\. Open another one: hv\.explore"):
        use(made)


# ---- saving ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("nodir/x.html", "There is no folder"),
        ("~/nodir/x.html", "There is no folder '.*home/nodir'"),
        ("folder", "is a folder, but a file to write was expected"),
        ("locked/x.html", "rights do not allow it"),
        ("kept.html", "it is protected"),
        ("cat.png", r"does not end in \.html\. For a picture"),
    ],
)
def test_where_a_file_cannot_be_is_said_before_anything_is_computed(explorer, tmp_path, monkeypatch, place, words):
    monkeypatch.chdir(tmp_path)
    for name in ("home", "folder", "locked"):
        (tmp_path / name).mkdir()
    (tmp_path / "kept.html").write_text("mine")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    protected = ("locked", "kept.html")  # who runs the tests as root may write anywhere
    monkeypatch.setattr("hrnet_viz.files.os.access", lambda path, _mode: path.name not in protected)
    monkeypatch.setattr(explorer._server, "answer", lambda *_: pytest.fail("something was computed"))
    monkeypatch.setattr(Explorer, "figure", lambda *_: pytest.fail("something was drawn"))
    with pytest.raises(ValueError, match=words):
        explorer.save(place)
    assert (tmp_path / "kept.html").read_text() == "mine"


def test_a_place_below_home_is_understood(explorer, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert explorer.save("~/x.html", edits="chosen") == tmp_path / "x.html"
    assert [path.name for path in tmp_path.iterdir()] == ["x.html"]
