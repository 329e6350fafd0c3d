import os
import subprocess
import sys
from pathlib import Path

import torch

from hrnet_viz.training.checkpoint import read_checkpoint
from hrnet_viz.training.distributed import World

SCRIPT = Path(__file__).with_name("one_of_several.py")


def test_two_processes_train_the_net_that_one_would(folder, tmp_path):
    """Three steps in float64: sums are made in another order, which leaves nothing but rounding, 1e-7 of each value.

    In float32 the same rounding begins at 1e-7 and grows in these deep nets, where a ReLU may switch, to about 1e-3 of
    a gradient in one step; so the comparison is made where a wrong formula could not hide behind rounding.
    """
    results = {}
    for number in (1, 2):
        run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(number)]
        subprocess.run(
            [*run, str(SCRIPT), str(folder), str(tmp_path / str(number))],
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
            check=True,
            capture_output=True,
            timeout=240,
        )
        results[number] = read_checkpoint(tmp_path / str(number) / "checkpoint.pt")
    assert results[1]["position"] == results[2]["position"]
    assert results[1]["position"]["step"] == 3
    for state in ("net", "average"):
        one, two = results[1][state], results[2][state]
        for name, value in one.items():
            assert torch.allclose(value, two[name], rtol=1e-7, atol=1e-9), name


def test_alone_nothing_is_exchanged():
    alone = World(0, 1, torch.device("cpu"))
    net = torch.nn.Linear(2, 2)
    assert alone.share(net) is net
    assert alone.add_up([1.5, 2]) == [1.5, 2]
    assert alone.leads
