"""The Python side: every choice is a trait, checked in a sentence; answers go out as buffers; nothing stays behind."""

import gc
import weakref

import numpy as np
import pytest
import traitlets
from ipywidgets.widgets import widget as widgets

import hrnet_viz as hv
from hrnet_viz.explorer.description import STATE
from hrnet_viz.explorer.static import LARGEST_STORED
from hrnet_viz.explorer.widget import Explorer, explore
from hrnet_viz.sites import SiteError


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
    shown = []
    monkeypatch.setattr("IPython.display.publish_display_data", shown.append)
    explorer._ipython_display_()
    style, picture, widget = shown
    assert "hv-one-of-two" in style["text/html"]
    assert picture["image/png"].startswith(b"\x89PNG")
    assert len(picture["image/png"]) <= LARGEST_STORED
    assert "application/vnd.jupyter.widget-view+json" in widget
    assert widget["text/plain"] == "Explorer()"


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
