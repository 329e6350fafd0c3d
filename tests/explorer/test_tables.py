"""Numbers in words: nothing rounds to a lie, bars stay in their room."""

import numpy as np
import pytest

from hrnet_viz.explorer.answers import MOST, list_answers, list_changes, list_shares, percent, softmax, tell_change


@pytest.mark.parametrize(
    ("share", "text"), [(1, "100 %"), (0.98765, "98.8 %"), (0.0005, "0.05 %"), (1e-9, "< 0.01 %"), (0, "0 %")]
)
def test_percentages(share, text):
    assert percent(share) == text


def test_answers_are_ordered_and_their_bars_are_probabilities():
    logits = np.array([-3.0, 5.0, 800.0])  # exp(800) alone would be infinite
    table = list_answers(("a", "b", "c"), logits, outside=False)
    assert [row[0] for row in table["rows"]] == ["c", "b", "a"]
    assert table["rows"][0][1] == [0, 1, 0]
    assert "Answers among the trained classes" in list_answers(("a", "b", "c"), logits, outside=True)["caption"]


def test_bars_of_changes_start_at_zero_wherever_it_lies():
    before, after = np.array([4.0, -4.0]), np.array([2.0, -6.0])
    rows = list_changes(("up", "down"), before, after)["rows"]
    np.testing.assert_allclose(rows[0][1], [0.6, 0.2, 1.0])  # from 0 to 2 on a scale from -6 to 4
    np.testing.assert_allclose(rows[1][1], [0.0, 0.6, 0.2])
    assert rows[1][2:5] == ["−4", "−6", "−2"]
    assert list_changes(("a", "b"), np.zeros(2), np.zeros(2))["rows"][0][1] == [0, 0, 0]


def test_many_classes_are_cut_and_it_is_said():
    many = np.arange(100.0)
    table = list_changes([str(k) for k in range(100)], many, many)
    assert len(table["rows"]) == MOST
    assert table["caption"].startswith(f"The {MOST} classes with the highest logits before")


def test_a_change_in_words():
    words = tell_change(np.array([3.0, 1.0, 2.0]), np.array([0.0, 1.0, 2.0]), 0)
    assert words == "logit 3 to 0, probability 66.5 % to 9 %, rank 1 to 3"
    np.testing.assert_allclose(softmax(np.array([1.0, 1.0])), 0.5)


def test_a_share_that_is_no_number_says_so():
    table = list_shares("stage2.0", "shares", np.array([[0.5, np.nan], [-1.0, 0.0]]))
    assert table["caption"] == "stage2.0: shares"
    assert table["rows"][0] == [["stage2.0.fuse0<-0", "0.5", 0.5], ["stage2.0.fuse0<-1", "none", 0.0]]
    assert table["rows"][1][0] == ["stage2.0.fuse1<-0", "−1", 1.0]
    assert list_shares("m", "w", np.full((1, 1), np.nan))["rows"] == [[["m.fuse0<-0", "none", 0.0]]]
