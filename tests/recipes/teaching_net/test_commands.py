"""The command line as people use it: Ctrl-C, resuming, errors."""

import os
import signal
import subprocess
import sys
import time

import pytest

from recipes.teaching_net.__main__ import main
from recipes.teaching_net.train import read_checkpoint

TRAIN = ["recipes.teaching_net", "train"]
OPTIONS = {
    "--variant": "hrnet_w18_small_v1",
    "--batch": "8",
    "--stored": "40",
    "--autocast": "off",
    "--peak-rate": "0.02",
    "--held-back": "0",
    "--check-photos": "0",
    "--threads": "1",
}
SMALL = [word for option in OPTIONS.items() for word in option]


@pytest.fixture
def quiet():
    return os.environ | {"OMP_NUM_THREADS": "1", "HV_DEVICE": "cpu"}


def test_ctrl_c_keeps_everything_and_says_so(folder, tmp_path, quiet):
    command = [sys.executable, "-m", *TRAIN, str(folder), "--into", str(tmp_path), *SMALL, "--phases", "1000@32"]
    with subprocess.Popen(command, env=quiet, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        log = tmp_path / "log.txt"
        waited = time.monotonic() + 120
        while time.monotonic() < waited and not (log.exists() and "photos to train on" in log.read_text()):
            time.sleep(0.1)
        time.sleep(3)  # into the steps
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "nothing is lost" in output
    assert "Traceback" not in output
    assert read_checkpoint(tmp_path / "checkpoint.pt")["position"]["step"] >= 0


def test_errors_are_sentences(folder, tmp_path, capsys):
    assert main(["train", str(tmp_path / "nowhere"), "--into", str(tmp_path / "run"), *SMALL]) == 2
    assert "There is no folder" in capsys.readouterr().err
    assert main(["train", str(folder), "--into", str(tmp_path / "run"), *SMALL, "--resume"]) == 2
    assert "There is no checkpoint" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["train", str(folder), "--into", str(tmp_path / "run"), "--phases", "many@64"])
    assert "--phases" in capsys.readouterr().err


def test_a_second_session_continues_the_first(folder, tmp_path, capsys):
    command = ["train", str(folder), "--into", str(tmp_path), *SMALL, "--phases", "1@32"]
    assert main(command) == 0
    assert "Done: 5 steps" in capsys.readouterr().out
    assert main([*command, "--resume"]) == 0
    assert read_checkpoint(tmp_path / "checkpoint.pt")["history"]["sessions"] == 2
