"""The command behind ``make benchmarks``; what it measures is never a test."""

import sys
from types import SimpleNamespace

import pytest

from benchmarks import __main__ as command


@pytest.mark.parametrize(("named", "expected"), [([], set(command.SUBJECTS)), (["cam", "imports"], {"cam", "imports"})])
def test_all_subjects_are_run_or_those_that_are_named(named, expected, monkeypatch, tmp_path):
    monkeypatch.setattr(command, "import_module", lambda _: SimpleNamespace(measure=lambda _: []))
    monkeypatch.setattr(sys, "argv", ["benchmarks", *named, "--out", str(tmp_path)])
    assert command.main() == 0
    assert {file.stem for file in tmp_path.glob("*.md")} == expected
