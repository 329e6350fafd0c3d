"""The one command answers in words, with exit status 0, and 2 for what cannot be, in a sentence."""

import subprocess
import sys
import webbrowser

import pytest

import hrnet_viz as hv
from hrnet_viz.__main__ import main


def test_predict_names_samples_and_files(tmp_path, capsys):
    from PIL import Image

    Image.fromarray(hv.photo("cat").pixels).save(tmp_path / "mine.png")
    assert main(["predict", "cat", str(tmp_path / "mine.png"), "--top", "2"]) == 0
    sample, file = capsys.readouterr().out.splitlines()
    assert sample.startswith("cat: cat 0.")
    assert file.startswith("mine: 'mine' names none of the 12 trained classes")


def test_explore_writes_one_page_opens_it_and_writes_nothing_over(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert main(["explore", "cat"]) == 0
    page = tmp_path / "cat.html"
    assert page.read_text().startswith("<!doctype html>")
    assert opened == [page.as_uri()]
    assert capsys.readouterr().out.strip() == "cat.html"
    page.write_text("my thesis")
    assert main(["explore", "cat", "--no-open"]) == 2
    assert "Name the file to write: --out NAME.html" in capsys.readouterr().err
    assert (page.read_text(), len(opened)) == ("my thesis", 1)


def test_inspect_prints_what_a_file_is(tmp_path, capsys):
    path = hv.save(hv.hrnet("hrnet_w18_small_v1", head="pose"), tmp_path / "mine.safetensors")
    assert main(["inspect", str(path)]) == 0
    assert capsys.readouterr().out == f"{hv.inspect(str(path))}\n"


@pytest.mark.parametrize(("variant", "detail"), [("hrnet_w18_small_v1", "stages"), ("hrnet_w18", "stage3.1")])
def test_diagram_of_a_net_and_of_an_exchange(variant, detail, tmp_path, capsys):
    out = tmp_path / "drawn.svg"
    assert main(["diagram", variant, "--detail", detail, "--out", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert "<svg" in out.read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["sites", "hrnet_w19"], "There is no HRNet variant 'hrnet_w19'."),
        (["diagram", "hrnet_w18", "--detail", "stage9.1"], "stage9.1"),
        (["inspect", "nothing.pth"], "'nothing.pth' is neither a name of weights nor a file."),
        (["predict", "nothing.jpg"], 'There is no file "nothing.jpg".'),
        (["predict", "cat", "--net", "nothing.pth"], "nothing.pth"),
        (["explore", "cat", "--no-open", "--net", "hrnet_w99"], "hrnet_w99"),
    ],
)
def test_what_cannot_be_is_a_sentence(words, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert sentence in err
    assert (out, list(tmp_path.iterdir())) == ("", [])


def test_as_a_module_it_ends_with_its_status():
    done = subprocess.run(
        [sys.executable, "-m", "hrnet_viz", "sites", "hrnet_w19"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("There is no HRNet variant 'hrnet_w19'.")
