"""Downloads against a server on this machine: continued, started again, or refused."""

import errno
import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from eval.datasets import download as module
from eval.datasets.download import BEIR_MD5, archive_path, download
from retrieval.errors import DownloadFailed, InvalidInput, Locked, StorageFailed, UnknownName

CONTENT = bytes(range(256)) * 4096  # 1 MiB


@dataclass
class Server:
    """What a server has, does, and was asked for."""

    content: bytes = CONTENT
    etag: str | None = '"one"'
    ranges: bool = True
    cut: int | None = None  # breaks off after so many bytes of the answer
    status: int = 200
    redirect: str | None = None
    length: bool = True
    requests: list[str | None] = field(default_factory=list)
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    server_state: Server

    def do_GET(self) -> None:
        state = self.server_state
        asked = self.headers.get("Range")
        state.requests.append(asked)
        if state.redirect is not None and not self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", state.redirect)
            self.end_headers()
            return
        if state.status != 200:
            self.send_error(state.status)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and state.ranges else 0
        if start >= len(state.content):
            self.send_error(416)
            return
        self.answer(state, start, partial=bool(asked) and state.ranges)

    def answer(self, state: Server, start: int, *, partial: bool) -> None:
        body, size = state.content[start:], len(state.content)
        self.send_response(206 if partial else 200)
        if partial:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        if state.etag:
            self.send_header("ETag", state.etag)
        if state.length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if state.cut is None else body[: state.cut])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    state = Server()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), type("One", (Handler,), {"server_state": state}))
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{httpd.server_port}"
    monkeypatch.setitem(BEIR_MD5, "scifact", hashlib.md5(CONTENT).hexdigest())
    monkeypatch.setenv("no_proxy", "*")
    yield state
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_download_takes_its_name_when_it_is_whole(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    folder = tmp_path / "new" / "folder"
    path = download(
        "beir/scifact", folder, mirror=server.url + "/", progress=lambda *one: seen.append(one)
    )
    assert (path, path.read_bytes()) == (folder / "scifact.zip", CONTENT)
    assert names(folder) == ["scifact.zip"]
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_what_is_there_whole_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    path = download("beir/scifact", tmp_path, mirror=server.url)
    assert download("beir/scifact", tmp_path, mirror=server.url) == path
    assert len(server.requests) == 1
    path.write_bytes(CONTENT[:-1])
    assert download("beir/scifact", tmp_path, mirror=server.url).read_bytes() == CONTENT


def test_the_default_folder_is_in_the_users_cache(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = download("beir/scifact", mirror=server.url)
    assert path == archive_path("beir/scifact")
    assert path.is_relative_to(tmp_path / "retrieval-engine")


def broken_off(server: Server, folder: Path, after: int = 300_000) -> None:
    server.cut = after
    with pytest.raises(DownloadFailed, match=r"broke off.*run it again"):
        download("beir/scifact", folder, mirror=server.url)
    server.cut = None
    assert (folder / "scifact.zip.part").stat().st_size == after
    assert not (folder / "scifact.zip").exists()


@pytest.mark.parametrize("etag", ['"one"', 'W/"weak"', None])
def test_a_broken_download_goes_on_where_it_ended(
    server: Server, tmp_path: Path, etag: str | None
) -> None:
    server.etag = etag
    broken_off(server, tmp_path)
    assert download("beir/scifact", tmp_path, mirror=server.url).read_bytes() == CONTENT
    assert server.requests == [None, "bytes=300000-"]
    assert names(tmp_path) == ["scifact.zip"]


def test_it_can_break_off_again_and_again(server: Server, tmp_path: Path) -> None:
    for part in range(1, 4):
        server.cut = 100_000
        with pytest.raises(DownloadFailed, match=f"after {part}00,000 of 1,048,576 bytes"):
            download("beir/scifact", tmp_path, mirror=server.url)
    server.cut = None
    assert download("beir/scifact", tmp_path, mirror=server.url).read_bytes() == CONTENT


def test_a_server_that_cannot_go_on_starts_again(server: Server, tmp_path: Path) -> None:
    broken_off(server, tmp_path)
    server.ranges = False
    assert download("beir/scifact", tmp_path, mirror=server.url).read_bytes() == CONTENT


@pytest.mark.parametrize("size", [1000, 300_000, 2 * len(CONTENT)])
@pytest.mark.parametrize("etag", ['"one"', '"two"', None])
def test_a_file_of_another_size_or_tag_starts_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, etag: str | None
) -> None:
    broken_off(server, tmp_path)
    server.content, server.etag = b"\7" * size, etag
    monkeypatch.setitem(BEIR_MD5, "scifact", hashlib.md5(server.content).hexdigest())
    assert download("beir/scifact", tmp_path, mirror=server.url).read_bytes() == server.content


def test_a_file_of_another_tag_and_the_same_size_starts_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_off(server, tmp_path)
    server.content, server.etag = CONTENT[::-1], '"two"'
    monkeypatch.setitem(BEIR_MD5, "scifact", hashlib.md5(server.content).hexdigest())
    assert download("beir/scifact", tmp_path, mirror=server.url).read_bytes() == server.content


@pytest.mark.parametrize("notes", [None, b"", b"[]", b'{"size": 1, "tag": 2, "more": 3}'])
def test_a_part_nobody_knows_the_version_of_is_not_used(
    server: Server, tmp_path: Path, notes: bytes | None
) -> None:
    (tmp_path / "scifact.zip.part").write_bytes(b"\0" * 1000)
    if notes is not None:
        (tmp_path / "scifact.zip.part.json").write_bytes(notes)
    assert download("beir/scifact", tmp_path, mirror=server.url).read_bytes() == CONTENT
    assert server.requests == [None]


def test_a_whole_part_only_takes_its_name(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "_finish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            download("beir/scifact", tmp_path, mirror=server.url)
    assert (tmp_path / "scifact.zip.part").read_bytes() == CONTENT
    assert download("beir/scifact", tmp_path, mirror=server.url).read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_without_a_length_the_sum_decides(server: Server, tmp_path: Path) -> None:
    server.length, server.cut = False, 1000
    with pytest.raises(DownloadFailed, match="MD5"):
        download("beir/scifact", tmp_path, mirror=server.url)
    server.cut = None
    assert download("beir/scifact", tmp_path, mirror=server.url).read_bytes() == CONTENT


def test_a_wrong_sum_is_an_error_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + b"!"
    with pytest.raises(DownloadFailed, match=r"has the MD5 sum .* published is"):
        download("beir/scifact", tmp_path, mirror=server.url)
    assert names(tmp_path) == []


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_what_the_server_refuses_is_said(server: Server, tmp_path: Path, status: int) -> None:
    server.status = status
    with pytest.raises(DownloadFailed, match=rf"/scifact.zip: the server says {status}"):
        download("beir/scifact", tmp_path, mirror=server.url)
    assert names(tmp_path) == []
    server.status = 200
    broken_off(server, tmp_path)
    server.status = status
    with pytest.raises(DownloadFailed, match="the server says"):
        download("beir/scifact", tmp_path, mirror=server.url)
    assert (tmp_path / "scifact.zip.part").stat().st_size == 300_000


def test_redirects_are_followed_but_only_on_the_web(server: Server, tmp_path: Path) -> None:
    server.redirect = f"{server.url}/moved/scifact.zip"
    broken_off(server, tmp_path)
    assert download("beir/scifact", tmp_path, mirror=server.url).read_bytes() == CONTENT
    for elsewhere in (f"file://{tmp_path}/scifact.zip", "ftp://127.0.0.1/scifact.zip"):
        server.redirect = elsewhere
        with pytest.raises(DownloadFailed):
            download("beir/scifact", tmp_path / "other", mirror=server.url)


def test_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(DownloadFailed, match=r"cannot be reached .*refused"):
        download("beir/scifact", tmp_path, mirror="http://127.0.0.1:1")
    assert names(tmp_path) == []


@pytest.mark.parametrize("mirror", ["", "ftp://x/y", "file:///tmp", "example.org", "https://"])
def test_a_mirror_is_on_the_web(tmp_path: Path, mirror: str) -> None:
    with pytest.raises(InvalidInput, match="no address of a mirror"):
        download("beir/scifact", tmp_path / "new", mirror=mirror)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["scifact", "beir/skifact", "beir/../scifact", "", "beir/"])
def test_unknown_names(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"no dataset is called .*beir/"):
        download(name, tmp_path)


def test_two_at_once(server: Server, tmp_path: Path) -> None:
    with (tmp_path / "scifact.zip.part").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Locked, match="another process"):
            download("beir/scifact", tmp_path, mirror=server.url)
    assert server.requests == []
    assert download("beir/scifact", tmp_path, mirror=server.url).read_bytes() == CONTENT


def test_a_full_disk(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageFailed, match="No space left"):
            download("beir/scifact", tmp_path, mirror=server.url)
    assert not (tmp_path / "scifact.zip").exists()
    assert download("beir/scifact", tmp_path, mirror=server.url).read_bytes() == CONTENT
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="file"):
        download("beir/scifact", tmp_path / "file", mirror=server.url)


def test_names_and_sums_are_well_formed() -> None:
    assert all(len(md5) == 32 and int(md5, 16) for md5 in BEIR_MD5.values())
    assert len(set(BEIR_MD5.values())) == len(BEIR_MD5) == 15
