"""The datasets of BEIR, fetched from where its authors publish them.

Names and MD5 sums are those of the table "Available Datasets" in the README of
https://github.com/beir-cellar/beir (read in 2026; the archives of SciFact and NFCorpus that the
tests of published numbers use have these sums). BioASQ, Signal-1M, TREC-NEWS and Robust04 are not
in it for licence reasons. MD5 is all that is published: it finds damage, not an attacker.

A download goes into NAME.zip.part and takes its name only when its sum is right, so that a file
under its name is whole. What a broken connection left is continued from where it ends, unless the
server's file has changed, by its size or ETag, or the server cannot continue: then from the start.
"""

import fcntl
import hashlib
import http.client
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

from retrieval.errors import DownloadFailed, InvalidInput, Locked, StorageFailed, UnknownName
from retrieval.places import cache_folder

BEIR_URL = "https://public.ukp.informatik.tu-darmstadt.de/thakur/BEIR/datasets"
"""Where the archives lie; a mirror has the same file names."""

BEIR_MD5 = {
    "arguana": "8ad3e3c2a5867cdced806d6503f29b99",
    "climate-fever": "8b66f0a9126c521bae2bde127b4dc99d",
    "cqadupstack": "4e41456d7df8ee7760a7f866133bda78",
    "dbpedia-entity": "c2a39eb420a3164af735795df012ac2c",
    "fever": "5a818580227bfb4b35bb6fa46d9b6c03",
    "fiqa": "17918ed23cd04fb15047f73e6c3bd9d9",
    "hotpotqa": "f412724f78b0d91183a0e86805e16114",
    "msmarco": "444067daf65d982533ea17ebd59501e4",
    "nfcorpus": "a89dba18a62ef92f7d323ec890a0d38d",
    "nq": "d4d3d2e48787a744b6f6e691ff534307",
    "quora": "18fb154900ba42a600f84b839c173167",
    "scidocs": "38121350fc3a4d2f48850f6aff52e4a9",
    "scifact": "5f7d1de60b170fc8027bb7898e2efca1",
    "trec-covid": "ce62140cb23feb9becf6270d0d1fe6d1",
    "webis-touche2020": "46f650ba5a527fc69e0a6521c5a23563",
}
"""The MD5 sum of every archive, by name."""

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with the bytes that are there and, where the server says so, those there will be."""

_PREFIX = "beir/"
_TIMEOUT_S = 60.0  # without a byte; a download as a whole may take hours
_PIECE_BYTES = 2**18
_GO_ON = "run it again, it goes on from there"
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


def archive_path(name: str, folder: str | Path | None = None) -> Path:
    """Return where `download` puts the archive of a dataset; by default in the user's cache.

    Raises:
        UnknownName: `name` is not "beir/" and the name of a dataset.
    """
    dataset = name.removeprefix(_PREFIX)
    if dataset == name or dataset not in BEIR_MD5:
        raise UnknownName.of("dataset", name, map(_PREFIX.__add__, BEIR_MD5))
    place = cache_folder("datasets") / "beir" if folder is None else Path(folder)
    return place / f"{dataset}.zip"


def download(
    name: str,
    folder: str | Path | None = None,
    *,
    mirror: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Return the archive of a dataset such as "beir/scifact", fetched unless it is there whole.

    Args:
        name: "beir/" and the name of a dataset.
        folder: where to put it; made if need be. Default: the user's cache.
        mirror: http or https address of a folder with the same files.
        progress: called from time to time.

    Raises:
        UnknownName: no such dataset.
        InvalidInput: the mirror is no http or https address.
        DownloadFailed: the server cannot be reached, refuses, breaks off or sends something else.
        Locked: another process is fetching it into the same folder.
        StorageFailed: the disk is full, or the folder cannot be written.
    """
    target, base = archive_path(name, folder), BEIR_URL if mirror is None else mirror
    if not re.match(r"https?://[^/]", base):
        raise InvalidInput(
            f"{base!r} is no address of a mirror: it starts with https:// or http://"
        )
    url, md5 = f"{base.rstrip('/')}/{target.name}", BEIR_MD5[target.stem]
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_file() and _md5(target) == md5:
            return target
        notes = _Notes(part.with_name(part.name + ".json"))
        with _held(part) as stream:
            _fetch(url, stream, notes, progress)
            stream.flush()
            os.fsync(stream.fileno())
            try:
                _finish(part, target, md5=md5, url=url)
            finally:
                if not part.exists():  # an interruption leaves it, and then needs its notes
                    notes.path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageFailed(
            f"{target} cannot be written: {error.strerror or error}. What is there stays; see to "
            "the disk, then run it again"
        ) from error
    return target


@dataclass(frozen=True, slots=True)
class _Version:
    """What tells one version of a server's file from another."""

    size: int | None
    tag: str | None

    @classmethod
    def of(cls, response: Any, size: int | None) -> "_Version":
        headers = response.headers
        return cls(size, headers.get("ETag") or headers.get("Last-Modified"))


@dataclass(frozen=True, slots=True)
class _Notes:
    """Which version the part is of, written beside it."""

    path: Path

    def read(self) -> _Version | None:
        try:
            return _Version(**json.loads(self.path.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None  # without them the part is of no use

    def write(self, version: _Version) -> None:
        self.path.write_text(json.dumps(asdict(version)))


@contextmanager
def _held(part: Path) -> Iterator[IO[bytes]]:
    """Open the part as the only process that does."""
    with part.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked(f"{part} is being written by another process: wait for it") from None
        if not part.exists():  # that process has just finished, and given it its name
            raise Locked(f"{part} was finished by another process just now: run it again")
        try:
            yield stream
        finally:
            if part.exists() and not stream.tell():
                part.unlink()


def _fetch(url: str, stream: IO[bytes], notes: _Notes, progress: Progress | None) -> None:
    """Append to the part what it lacks, or write it anew; return when it is complete."""
    version, start = notes.read(), stream.tell()
    if version is None:
        start = 0
    elif version.size == start:
        return
    response = _request(url, start)
    if response.status == http.client.PARTIAL_CONTENT and _continues(response, start) != version:
        response.close()
        response = _request(url, 0)
    with response:
        if response.status != http.client.PARTIAL_CONTENT:
            length = response.headers.get("Content-Length", "")
            version, start = _Version.of(response, int(length) if length.isdigit() else None), 0
            stream.truncate(0)
            notes.write(version)
        size = None if version is None else version.size
        for piece in _pieces(response, url):
            stream.write(piece)
            start += len(piece)
            if progress is not None:
                progress(start, size)
    if size is not None and start < size:
        raise DownloadFailed(f"{url} broke off after {start:,} of {size:,} bytes: {_GO_ON}")


def _request(url: str, start: int) -> Any:
    """Return the answer of the server: 206 if it goes on from `start`, else 200."""
    headers = {"User-Agent": "retrieval-engine"} | ({"Range": f"bytes={start}-"} if start else {})
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  # checked by `download`
    try:
        return _opener().open(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            return _request(url, 0)  # the file has become shorter
        raise DownloadFailed(
            f"{url}: the server says {error.code} {error.reason}: try later, or pass a mirror"
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise DownloadFailed(
            f"{url} cannot be reached ({reason}): see to the connection, or pass a mirror"
        ) from error


def _opener() -> urllib.request.OpenerDirector:
    """Return what follows redirects, but only to http and https: no ftp, no files."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _continues(response: Any, start: int) -> _Version | None:
    """Return of which version the rest comes, None if it is not the rest from `start`."""
    found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return _Version.of(response, int(found[2])) if found and int(found[1]) == start else None


def _pieces(response: Any, url: str) -> Iterator[bytes]:
    try:
        while piece := response.read(_PIECE_BYTES):
            yield piece
    except (OSError, http.client.HTTPException) as error:
        raise DownloadFailed(f"{url} broke off ({error}): {_GO_ON}") from error


def _finish(part: Path, target: Path, *, md5: str, url: str) -> None:
    """Give the part its name if its sum is right, else remove it."""
    found = _md5(part)
    if found != md5:
        part.unlink()
        raise DownloadFailed(
            f"{url} has the MD5 sum {found}, published is {md5}: what was fetched is removed; try "
            "again, or another mirror"
        )
    os.replace(part, target)


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, _new_md5).hexdigest()


def _new_md5() -> Any:
    return hashlib.md5(usedforsecurity=False)
