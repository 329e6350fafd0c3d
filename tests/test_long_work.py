"""Long work is the same, byte for byte, whoever does it; a worker that dies is a sentence."""

import os
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch

import hrnet_viz as hv
from hrnet_viz.long_work import run_tasks
from tests.nets.trained_like import photos, trained_like

OVER = ["stage4.0.fuse0<-*", "stage3.0.out0[3]"]


class Shared:
    """Counts in a file how often it is unpacked."""

    def __init__(self, log):
        self.log = log

    def __reduce__(self):
        return unpack, (self.log,)


def unpack(log):
    with Path(log).open("a") as file:
        file.write(f"{os.getpid()}\n")
    return Shared(log)


def square(_, number):
    return os.getpid(), number**2, torch.get_num_threads()


def die(_, number):
    if number == 3:
        os._exit(1)
    return number


@pytest.fixture
def pool():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed", reason="the test extra brings Dask; it is not installed here")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client.get_executor()


def test_results_come_in_order_and_what_is_shared_travels_once(pool, tmp_path):
    log = str(tmp_path / "log")
    found = list(run_tasks(square, Shared(log), range(200), executor=pool))
    assert [result for _, result, _ in found] == [number**2 for number in range(200)]
    assert {threads for *_, threads in found} == {torch.get_num_threads()}
    workers = {worker for worker, *_ in found}
    assert os.getpid() not in workers
    list(run_tasks(square, Shared(log), range(5), executor=pool))  # a worker keeps it by its hash
    assert sorted(map(int, Path(log).read_text().split())) == sorted(workers)


def test_workers_that_do_not_see_the_callers_files_get_the_bytes(pool, tmp_path, monkeypatch):
    monkeypatch.setattr(TemporaryDirectory, "__enter__", lambda _: str(tmp_path))
    monkeypatch.setattr(Path, "write_bytes", lambda *_: 0)
    found = list(run_tasks(square, Shared(str(tmp_path / "log")), range(50), executor=pool))
    assert [result for _, result, _ in found] == [number**2 for number in range(50)]


def tables(folder, executor=None):
    net = trained_like()
    path = folder / "effects.csv"
    result = hv.sweep(net, photos(3), OVER, hv.Mean(photos(2)), save=path, executor=executor)
    return path.read_bytes(), path.with_suffix(".json").read_bytes(), result.effects


@pytest.mark.slow
@pytest.mark.parametrize("where", ["pool", "threads", "cluster"])
def test_a_sweep_is_the_same_table_byte_for_byte_whoever_computes_it(where, request, tmp_path):
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    executor = ThreadPoolExecutor(2) if where == "threads" else request.getfixturevalue(where)
    assert tables(tmp_path / "there", executor) == tables(tmp_path / "here")


def test_a_worker_that_dies_is_a_sentence_and_what_came_before_is_kept(pool):
    results = run_tasks(die, None, [1, 2, 3, 4], executor=pool)
    kept = []
    with pytest.raises(OSError, match="A worker ended before its task was done"):
        kept.extend(iter(results.__next__, None))
    assert set(kept) <= {1, 2}


def test_what_is_no_executor_is_told():
    with pytest.raises(TypeError, match="executor=4 was given; an executor was expected"):
        hv.sweep(trained_like(), photos(1), ["stem"], executor=4)
