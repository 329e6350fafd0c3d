"""Fetch published weights: download with resume, verify by hash, keep them in a cache that processes share."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from filelock import FileLock

from hrnet_viz.weights.report import LoadWarning, UnreachableError, WeightsError

VARIABLE = "HRNET_VIZ_CACHE"
Inspect = Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a file is, under which name it is cached, and the known first digits of its SHA-256 ("" if none are)."""

    url: str
    file: str
    sha256: str = ""


def cache_folder() -> Path:
    """Return the folder of downloaded weights: ``HRNET_VIZ_CACHE``, else ``~/.cache/hrnet_viz``."""
    try:
        return Path(os.environ.get(VARIABLE) or "~/.cache/hrnet_viz").expanduser()
    except RuntimeError as error:  # a container whose user has neither a name nor a home
        raise WeightsError(
            f"There is no home folder to keep downloaded weights in. Set the variable {VARIABLE} to a folder."
        ) from error


def obtain(name: str, addresses: Sequence[Address], inspect: Inspect, *, progress: bool = True) -> tuple[Path, str]:
    """Return a checked file from the cache, downloading it if it is not there.

    Args:
        name: what an error calls the weights.
        addresses: where they can be had, in the order to try; the next one counts only if one cannot be reached.
        inspect: reads a file and raises a WeightsError if it is not what it should be.
        progress: show a bar while downloading.

    Raises:
        WeightsError: it cannot be had, or is not what it should be; the cache holds nothing that is not checked.
    """
    folder = cache_folder()
    for address in addresses:
        path = folder / address.file
        if path.is_file() and (sha256 := _accept(path, path, address, inspect)):
            return path, sha256
    failures = []
    for address in addresses:
        try:
            return _fetch(folder / address.file, address, inspect, progress=progress)
        except UnreachableError as error:
            failures.append(str(error))
        damaged = [address.file for address in addresses if (folder / address.file).is_file()]
    seen = f"What is there ({', '.join(damaged)}) is not the right file" if damaged else "It is not there"
    raise UnreachableError(
        f"The weights '{name}' were looked for in {folder}. {seen}, and they could not be downloaded: "
        f"{' '.join(failures)} "
        f"To get them by hand, open {addresses[0].url} where there is a network and save it as "
        f"{folder / addresses[0].file}. hv.load('teaching') needs no network."
    )


def _fetch(path: Path, address: Address, inspect: Inspect, *, progress: bool) -> tuple[Path, str]:
    part = path.with_name(path.name + ".part")
    with _explain_disk(part):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(path.name + ".lock")).acquire()
    with lock:
        if path.is_file():  # another process may have brought it while this one waited
            if sha256 := _accept(path, path, address, inspect):
                return path, sha256
            warnings.warn(
                f"{path} was not the right file (any more). It is downloaded again.", LoadWarning, stacklevel=6
            )
        for fresh in (not part.is_file(), True):  # a beginning that was left may be that of another file
            download(address.url, part, progress=progress)
            if sha256 := _accept(part, path, address, inspect):
                part.replace(path)
                return path, sha256
            found = hash_file(part)
            discard(part)
            if fresh:
                break
    recorded = f"; if the file has rightly changed, delete {_record(path)} first." if _recorded(path) else "."
    raise WeightsError(
        f"What came from {address.url} is not the right file: its SHA-256 begins with {found[:16]}, but "
        f"{_expected(path, address)[:16]} was expected. It was thrown away. Try again later{recorded}"
    )


def _accept(file: Path, path: Path, address: Address, inspect: Inspect) -> str:
    """Return the SHA-256 of a file that is right, and "" for one that is not the expected one.

    The first file that is accepted for ``path`` is inspected and its hash recorded; later ones must have that hash.
    """
    sha256 = hash_file(file)
    if not sha256.startswith(_expected(path, address)):
        return ""
    if not _recorded(path):
        try:
            inspect(file)
        except WeightsError:
            if file != path:
                discard(file)
            raise
        with suppress(OSError):  # a cache that may only be read is as good, it just remembers nothing
            _record(path).write_text(f"{sha256}  {path.name}\n")
    return sha256


def _expected(path: Path, address: Address) -> str:
    """Return the digits that a hash must begin with: all that were recorded, else those that are published."""
    recorded = _recorded(path)
    return recorded if recorded.startswith(address.sha256) else address.sha256


def _record(path: Path) -> Path:
    """Return where the hash of a file is kept, in the form that ``sha256sum --check`` reads."""
    return path.with_name(path.name + ".sha256")


def _recorded(path: Path) -> str:
    try:
        return _record(path).read_text().partition(" ")[0].strip()
    except OSError:
        return ""


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
    """Return the small file that remembers which version of the remote file ``part`` is the beginning of."""
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
def _explain_disk(part: Path, total: int | None = None) -> Iterator[None]:
    """Raise a WeightsError that says why the disk did not take the file; a full one gets its room back."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            discard(part)
            size = f"{total / 1e6:.0f} MB" if total else "the file"
            raise WeightsError(
                f"There is no room for {size} in {part.parent}. Free some, or set {VARIABLE} to another folder."
            ) from error
        raise WeightsError(
            f"{part} cannot be written ({error.strerror}). Set {VARIABLE} to a folder that you may write to."
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
