"""Ten thousand damaged files of several heads and formats: a sentence or a whole net, never anything else."""

import argparse
import io
import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import save as pack

import hrnet_viz as hv
from hrnet_viz.network import TASKS, VARIANTS, Variant, build
from hrnet_viz.weights.report import LoadWarning

TINY = Variant("hrnet_tiny", 1, modules=(1, 1, 1), blocks=1, layer1_blocks=1, layer1_planes=1)
HEADS = ("pose", "segmentation", "landmarks")
FORMATS = ("zip", "legacy", "safetensors", "with a card")
LETTERS, DIGITS = b"abcdefgwxyzBFIU_.", b"0123456789"


@pytest.fixture
def whole(tmp_path, monkeypatch):
    """The bytes of whole files, of a net of 40,000 numbers: (head, format) -> bytes."""
    monkeypatch.setitem(VARIANTS, TINY.name, TINY)
    found = {}
    for head in HEADS:
        net = build(TINY, TASKS[head], 5).eval()
        content = {"state_dict": dict(net.state_dict()), "args": argparse.Namespace(a=1)}
        for new in (True, False):
            torch.save(content, packed := io.BytesIO(), _use_new_zipfile_serialization=new)
            found[head, FORMATS[not new]] = packed.getvalue()
        found[head, FORMATS[2]] = pack(content["state_dict"])
        found[head, FORMATS[3]] = hv.save(net, tmp_path / "card.safetensors", force=True).read_bytes()
    return found


def damage(data, random):
    """Return the bytes with one kind of damage: single bytes, a cut, a gap, a copy, other letters and digits."""
    data, how = bytearray(data), random.integers(7)
    span = min(len(data), (len(data), 3000, 40_000)[random.integers(3)])
    start = 0 if random.random() < 0.7 else len(data) - span
    at, other, length = start + random.integers(span), start + random.integers(span), random.integers(1, 64)
    if how < 2:
        for place in start + random.integers(span, size=random.integers(1, 6)):
            data[place] = random.integers(256)
    elif how == 2:
        return bytes(data[: random.integers(1, len(data))])
    elif how == 3:
        data[at : at + length % 9] = random.bytes(random.integers(9))
    elif how == 4:
        data[at : at + length] = data[other : other + length]
    else:  # names and numbers that stay names and numbers get past the parsers
        for place in random.integers(min(len(data), 40_000), size=300):
            kind = next((kind for kind in (LETTERS, DIGITS) if data[place] in kind), None)
            if kind and random.random() < 0.03:
                data[place] = kind[random.integers(len(kind))]
    return bytes(data)


def attempt(function, path):
    """Return what a function makes of a file, or the sentence; nothing may start at random."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", LoadWarning)
        try:
            return function(path)
        except hv.WeightsError as error:
            return str(error)


@pytest.mark.parametrize(
    ("seed", "trials"), [(0, 1000), pytest.param(1, 10_000, marks=pytest.mark.slow)], ids=["quick", "all"]
)
def test_damaged_files_end_in_sentences_or_in_whole_nets(seed, trials, whole, tmp_path):
    random, path, outcomes = np.random.default_rng(seed), tmp_path / "x.bin", {"sentence": 0, "whole": 0}
    files = list(whole.values())
    for trial in range(trials):
        path.write_bytes(damage(files[trial % len(files)], random))
        net = attempt(hv.load, path)
        outcomes["sentence" if isinstance(net, str) else "whole"] += 1
        if isinstance(net, str):
            assert str(path) in net, trial
            continue
        report = net.load_report
        assert (report.reinitialised, report.unexpected) == ((), ()), trial
        assert report.loaded + len(report.missing) == len(net.state_dict()), trial
        assert all(value.isfinite().all() and not value.is_meta for value in net.state_dict().values()), trial
    assert min(outcomes.values()) > trials / 20  # both ends are met


def test_what_is_told_of_a_damaged_file_is_a_sentence_too(whole, tmp_path):
    random, path = np.random.default_rng(2), tmp_path / "x.bin"
    for data in list(whole.values()) * 15:
        path.write_bytes(damage(data, random))
        assert str(path) in str(attempt(hv.inspect, path))
