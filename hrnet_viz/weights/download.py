"""Bring a file from an address to a place on disk, going on where an earlier try stopped."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from hrnet_viz.weights.report import UnreachableError, WeightsError

BLOCK = 1 << 18
TIMEOUT = 30.0
TRIES = 4
PAUSE = 1.0


class _BrokenOffError(Exception):
    """The connection ended before the file did."""


def download(url: str, part: Path, *, progress: bool = True) -> None:
    """Download to ``part``, with as many tries as bring something new, and a progress bar.

    What an earlier call left in ``part`` is kept and continued if the server says that it still has the same file (by
    its ETag or date, remembered beside ``part``); otherwise it starts again. After an interruption ``part`` stays.

    Raises:
        UnreachableError: no connection, no such file, or it breaks off again and again.
        WeightsError: the disk is full or may not be written to.
    """
    fruitless, furthest = 0, _size(part)
    while fruitless < TRIES:
        try:
            _transfer(url, part, progress=progress)
        except _BrokenOffError as error:
            fruitless = 0 if _size(part) > furthest else fruitless + 1
            furthest = max(furthest, _size(part))
            reason = str(error)
            if fruitless:
                time.sleep(PAUSE)
        else:
            validator_of(part).unlink(missing_ok=True)
            return
    raise UnreachableError(f"The download of {url} broke off {TRIES} times in a row ({reason}). The beginning is kept.")


def validator_of(part: Path) -> Path:
    """The small file that remembers which version of the remote file ``part`` is the beginning of."""
    return part.with_name(part.name + ".version")


def discard(part: Path) -> None:
    """Remove a partial download."""
    part.unlink(missing_ok=True)
    validator_of(part).unlink(missing_ok=True)


def _transfer(url: str, part: Path, *, progress: bool) -> None:
    """One connection: ask for what is missing, append what comes."""
    have = _size(part)
    headers = {"User-Agent": "hrnet_viz", "Accept-Encoding": "identity"}
    if have and validator_of(part).is_file():
        headers |= {"Range": f"bytes={have}-", "If-Range": validator_of(part).read_text()}
    with _connect(url, headers, part) as response:
        continued = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if response.status == 206 and not continued:
            discard(part)
            raise _BrokenOffError("the server sent another part than the one asked for")
        start = have if continued else 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        with _explain_disk(part, total):
            if total and shutil.disk_usage(part.parent).free < total - start:
                raise OSError(errno.ENOSPC, "too little space")
            if not continued:
                validator_of(part).unlink(missing_ok=True)
                if version := _version(response):
                    validator_of(part).write_text(version)
            with part.open("ab" if continued else "wb") as file:
                _copy(response, file, start, total, url if progress else "")
        if total is not None and _size(part) < total:
            raise _BrokenOffError(f"{_size(part)} of {total} bytes had come")


def _copy(response: HTTPResponse, file: IO[bytes], start: int, total: int | None, label: str) -> None:
    from tqdm.auto import tqdm

    name = label.rpartition("/")[2]
    with tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=name, disable=not label) as bar:
        while True:
            try:
                block = response.read(BLOCK)
            except (HTTPException, OSError) as error:
                raise _BrokenOffError(str(error) or type(error).__name__) from error
            if not block:
                return
            append(file, block)
            bar.update(len(block))


def append(file: IO[bytes], block: bytes) -> None:
    """Write a block through to the disk's own buffers, so that a full disk is noticed here."""
    file.write(block)
    file.flush()


@contextmanager
def _connect(url: str, headers: dict[str, str], part: Path) -> Iterator[HTTPResponse]:
    try:
        response: HTTPResponse = urlopen(Request(url, headers=headers), timeout=TIMEOUT)  # noqa: S310  # our own table
    except HTTPError as error:
        error.close()
        if error.code == 416:  # there is nothing after what we have: it is the end of something else
            discard(part)
            raise _BrokenOffError("the server has no such part") from error
        raise UnreachableError(f"{url} answers {error.code} ({error.reason}).") from error
    except URLError as error:
        raise UnreachableError(f"{url} cannot be reached ({error.reason}).") from error
    except (HTTPException, OSError) as error:
        raise _BrokenOffError(str(error) or type(error).__name__) from error
    with response:
        yield response


@contextmanager
def _explain_disk(part: Path, total: int | None) -> Iterator[None]:
    """Say in a sentence why the disk did not take the file; a full one gets its room back."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            discard(part)
            size = f"{total / 1e6:.0f} MB" if total else "the file"
            raise WeightsError(
                f"There is no room for {size} in {part.parent}. Free some, or set HRNET_VIZ_CACHE to another folder."
            ) from error
        raise WeightsError(
            f"{part} cannot be written ({error.strerror}). Set HRNET_VIZ_CACHE to a folder that you may write to."
        ) from error


def _version(response: HTTPResponse) -> str:
    """What tells this version of the remote file from another; "" if the server says nothing of use."""
    tag = response.headers.get("ETag", "")
    return response.headers.get("Last-Modified", "") if tag.startswith("W/") or not tag else tag  # weak: other bytes


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
