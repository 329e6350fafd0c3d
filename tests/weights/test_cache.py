"""A right file or a sentence, and nothing unchecked in the cache: against a server on this machine."""

import errno
import hashlib
import os
import socket
import subprocess
import sys

import pytest

from hrnet_viz.weights import fetch
from hrnet_viz.weights.fetch import Address, cache_folder, obtain
from hrnet_viz.weights.report import LoadWarning, UnreachableError, WeightsError

RIGHT = os.urandom(3_000_000)
WRONG = os.urandom(3_000_000)
HASH = hashlib.sha256(RIGHT).hexdigest()


def get(*addresses, inspect=lambda _: None):
    path, sha256 = obtain("some_weights", addresses, inspect, progress=False)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    return path.read_bytes()


def at(site, *, sha256=HASH[:8], file="some.bin"):
    return Address(f"{site.url}/{file}", file, sha256)


def names(folder):
    return {path.name for path in folder.iterdir()}


DONE = {"some.bin", "some.bin.sha256", "some.bin.lock"}


def test_right_file_is_downloaded_once(site, cache):
    site.content = RIGHT
    assert get(at(site)) == RIGHT
    assert get(at(site)) == RIGHT
    assert site.asked == [""]
    assert names(cache) == DONE
    assert (cache / "some.bin.sha256").read_text() == f"{HASH}  some.bin\n"


def test_wrong_hash_is_thrown_away_and_told(site, cache):
    site.content = WRONG
    with pytest.raises(WeightsError, match=rf"not the right file: its SHA-256 begins with .*{HASH[:8]} was expected"):
        get(at(site))
    assert names(cache) == {"some.bin.lock"}
    site.content = RIGHT
    assert get(at(site)) == RIGHT


def test_half_a_file_is_continued_by_the_next_try(site, cache):
    site.content, site.breaks = RIGHT, [1_000_000]
    assert get(at(site)) == RIGHT
    assert site.asked == ["", "bytes=1000000-"]
    assert names(cache) == DONE


def test_half_a_file_is_continued_by_the_next_call(site, cache, monkeypatch):
    site.content = RIGHT
    blocks = iter(range(100))
    write = fetch.append

    def interrupt(file, block):
        if next(blocks) == 3:
            raise KeyboardInterrupt
        write(file, block)

    with monkeypatch.context() as patch:
        patch.setattr(fetch, "append", interrupt)
        with pytest.raises(KeyboardInterrupt):
            get(at(site))
    assert "some.bin" not in names(cache)
    assert get(at(site)) == RIGHT
    assert site.asked == ["", f"bytes={3 * fetch.BLOCK}-"]
    assert names(cache) == DONE


def test_half_of_another_version_is_not_continued(site, cache):
    site.content, site.tag, site.breaks = WRONG, '"old"', [1_000_000, 0, 0, 0, 0]
    with pytest.raises(UnreachableError, match="broke off 4 times in a row"):
        get(at(site))
    assert (cache / "some.bin.part").stat().st_size == 1_000_000
    site.content, site.tag, site.breaks = RIGHT, '"new"', []
    site.asked.clear()
    assert get(at(site)) == RIGHT
    assert site.asked == ["bytes=1000000-"]  # and the server, asked for the rest of "old", sent all of "new"
    assert names(cache) == DONE


def test_rubbish_left_as_a_beginning_is_started_again(site, cache):
    cache.mkdir()
    (cache / "some.bin.part").write_bytes(WRONG[:1000])
    (cache / "some.bin.part.version").write_text(site.tag)
    site.content = RIGHT
    assert get(at(site)) == RIGHT
    assert site.asked == ["bytes=1000-", ""]


@pytest.mark.parametrize("length", [len(RIGHT), len(RIGHT) + 5])
def test_a_beginning_that_is_too_long_is_started_again(site, cache, length):
    cache.mkdir()
    (cache / "some.bin.part").write_bytes(bytes(length))
    (cache / "some.bin.part.version").write_text(site.tag)
    site.content = RIGHT
    assert get(at(site)) == RIGHT
    assert names(cache) == DONE


def test_a_server_without_ranges_starts_again(site):
    site.content, site.ranges, site.breaks = RIGHT, False, [1_000_000]
    assert get(at(site)) == RIGHT


def test_a_server_that_breaks_off_here_and_there_without_getting_further_is_given_up(site):
    site.content, site.ranges, site.breaks = RIGHT, False, [2_000_000, 1_000_000] * 50
    with pytest.raises(UnreachableError, match="broke off 4 times"):
        get(at(site))
    assert len(site.asked) == 5


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_refusal_says_what_to_do_by_hand(site, cache, status):
    site.status = status
    with pytest.raises(UnreachableError) as caught:
        get(at(site))
    text = str(caught.value)
    assert f"'some_weights' were looked for in {cache}" in text
    assert f"answers {status}" in text
    assert f"{site.url}/some.bin" in text
    assert f"save it as {cache / 'some.bin'}" in text
    assert names(cache) == {"some.bin.lock"}


def test_no_route_is_told_and_a_file_put_there_by_hand_is_taken(cache):
    with socket.socket() as free:  # a port that nobody listens to
        free.bind(("127.0.0.1", 0))
        address = Address(f"http://127.0.0.1:{free.getsockname()[1]}/some.bin", "some.bin", HASH[:8])
        with pytest.raises(UnreachableError, match=r"cannot be reached .*Connection refused"):
            get(address)
    (cache / "some.bin").write_bytes(RIGHT)
    assert get(address) == RIGHT


def test_a_silent_server_is_given_up(site, monkeypatch):
    monkeypatch.setattr(fetch, "TIMEOUT", 0.1)
    site.content, site.slow = RIGHT, 1.0
    with pytest.raises(UnreachableError, match=r"broke off 4 times in a row \(timed out\)"):
        get(at(site))


def test_the_second_address_counts_only_if_the_first_cannot_be_reached(site, cache):
    site.content = RIGHT
    nowhere = Address("http://127.0.0.1:9/other.bin", "other.bin", HASH[:8])
    assert get(nowhere, at(site)) == RIGHT
    assert get(nowhere, at(site)) == RIGHT  # from the cache, without trying the first one again
    assert len(site.asked) == 1
    with pytest.raises(WeightsError, match="not the right file"):
        get(at(site, sha256="00000000", file="forged.bin"), at(site, file="third.bin"))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_gets_its_room_back(site, cache, monkeypatch, code):
    site.content = RIGHT
    blocks = iter(range(100))
    write = fetch.append

    def fill(file, block):
        if next(blocks) == 3:
            raise OSError(code, os.strerror(code))
        write(file, block)

    with monkeypatch.context() as patch:
        patch.setattr(fetch, "append", fill)
        with pytest.raises(WeightsError, match="no room for 3 MB"):
            get(at(site))
    assert names(cache) == {"some.bin.lock"}
    assert get(at(site)) == RIGHT


def test_a_disk_that_is_known_to_be_too_small_is_not_filled(site, cache, monkeypatch):
    site.content = RIGHT
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(WeightsError, match="HRNET_VIZ_CACHE"):
        get(at(site))
    assert names(cache) == {"some.bin.lock"}


def test_a_cache_that_cannot_be_made_is_told(site, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HRNET_VIZ_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(WeightsError, match="cannot be written"):
        get(at(site))


def test_two_processes_at_once_download_once(site, cache):
    site.content, site.slow = RIGHT, 1.0
    script = (
        "from hrnet_viz.weights.fetch import Address, obtain;"
        f"address = Address('{site.url}/some.bin', 'some.bin', '{HASH[:8]}');"
        "print(obtain('some', [address], print, progress=False)[1])"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert all(output.split()[-1] == HASH for output in outputs)
    assert site.asked == [""]
    assert names(cache) == DONE


def test_a_damaged_file_without_a_network_is_told(site, cache):
    site.content = RIGHT
    get(at(site))
    (cache / "some.bin").write_bytes(RIGHT[:-1])
    site.status = 503
    with pytest.warns(LoadWarning), pytest.raises(UnreachableError, match=r"some\.bin\) is not the right file"):
        get(at(site))


def test_without_a_public_hash_the_first_file_that_passes_is_trusted_from_then_on(site, cache):
    site.content = RIGHT
    seen = []
    address = at(site, sha256="")
    assert get(address, inspect=seen.append) == RIGHT
    assert len(seen) == 1
    (cache / "some.bin").unlink()
    site.content, site.tag = WRONG, '"two"'
    with pytest.raises(WeightsError, match=rf"{HASH[:16]} was expected.*delete .*some\.bin\.sha256"):
        get(address, inspect=seen.append)
    assert "some.bin" not in names(cache)


def test_what_does_not_pass_inspection_never_enters_the_cache(site, cache):
    def inspect(path):
        raise WeightsError(f"{path.name} is a web page")

    site.content = b"<html>please log in</html>"
    with pytest.raises(WeightsError, match="web page"):
        get(at(site, sha256=""), inspect=inspect)
    assert names(cache) == {"some.bin.lock"}


def test_a_cache_that_may_only_be_read_is_enough(cache, monkeypatch):
    cache.mkdir()
    (cache / "some.bin").write_bytes(RIGHT)
    monkeypatch.setattr(fetch, "FileLock", pytest.fail)

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(type(cache), "write_text", refuse)
    assert get(Address("http://127.0.0.1:9/some.bin", "some.bin", HASH[:8])) == RIGHT


def test_the_folder_is_the_users_choice(monkeypatch, tmp_path):
    monkeypatch.setenv("HRNET_VIZ_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("HRNET_VIZ_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "hrnet_viz"


def test_the_progress_bar_begins_where_the_download_does(site, capsys):
    site.content, site.breaks = RIGHT, [1_500_000]
    obtain("some", [at(site)], lambda _: None, progress=True)
    bars = capsys.readouterr().err
    assert "some.bin:  50%" in bars
    assert "100%" in bars
