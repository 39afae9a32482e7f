"""Commands that look after what is there: info, verify, compact, cache."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from retrieval.cli.options import index_argument, json_option, print_json


@click.command("info")
@index_argument
@click.option("--toml", is_flag=True, help="Print the recipe that made it, for index --config.")
@json_option
def info_command(index: Path, *, toml: bool, as_json: bool) -> None:
    """Show what INDEX holds, its size, and the recipe that made it."""
    from retrieval.config import toml_of
    from retrieval.opening import open_collection

    collection = open_collection(index)
    info = collection.info()
    if toml or as_json:
        print(toml_of(collection), end="") if toml else print_json(info)
        return
    if collection.chunking is not None:
        print(f"{'cut into':<12}{collection.chunking}; documents are passages")
    for name in ("path", "generation", "documents", "deleted", "segments", "bytes"):
        value = info[name]
        print(f"{name:<12}{value:,}" if isinstance(value, int) else f"{name:<12}{value}")
    for source in info["sources"]:
        print(f"{'source':<12}{source}")
    for name, recipe in info["representations"].items():
        index_kind, encoder = recipe["index"]["kind"], recipe["encoder"]["type"]
        print(f"{name:<12}{recipe['bytes']:,} bytes, {encoder} → {index_kind}")


@click.command("verify")
@index_argument
@json_option
def verify_command(index: Path, *, as_json: bool) -> int:
    """Check every byte and structure of INDEX; exit status 1 if anything is wrong."""
    from retrieval.store.files import DiskFolder
    from retrieval.store.verification import verify
    from retrieval.terminal import notice

    with notice(f"verifying {index}"):
        found = verify(DiskFolder(index))  # unopened: what cannot be is listed too
    if as_json:
        counts = {"files": found.n_files, "bytes": found.n_bytes}
        print_json(counts | {"problems": list(found.problems)})
    else:
        for problem in found.problems:
            print(problem, file=sys.stderr)
        print(f"{found.n_files:,} files, {found.n_bytes:,} bytes: {_verdict(found.problems)}")
    return 0 if found.ok else 1


def _verdict(problems: Sequence[str]) -> str:
    return f"{len(problems)} damaged" if problems else "all good"


@click.command("compact")
@index_argument
def compact_command(index: Path) -> None:
    """Merge all segments into one and give back the space of deleted documents."""
    from retrieval.opening import open_collection
    from retrieval.terminal import notice

    collection = open_collection(index)
    before = collection.info()["bytes"]
    with notice(f"compacting {before:,} bytes"):
        collection.compact()
    print(f"{len(collection):,} documents, {before:,} → {collection.info()['bytes']:,} bytes")


@click.group("cache")
def cache_group() -> None:
    """Look after the cache of document vectors, which all indexes share."""


@cache_group.command("info")
@json_option
def cache_info(*, as_json: bool) -> None:
    """Show where the cache is, how large it may get, and what it holds of each encoder."""
    from dataclasses import asdict
    from datetime import datetime

    from retrieval.store.embeddings import LIMIT_VARIABLE, EmbeddingCache

    info = EmbeddingCache.open().info()
    if as_json:
        print_json(asdict(info) | {"path": str(info.path)})
        return
    limit = f"of at most {info.bytes_max:,} ({LIMIT_VARIABLE})"
    print(f"{info.path}: {info.bytes:,} bytes {limit}")
    for one in info.encoders:
        used = datetime.fromtimestamp(one.used).strftime("%Y-%m-%d %H:%M")
        print(f"{one.entries:>12,} vectors {one.bytes:>16,} bytes  {used}  {one.identity}")


@cache_group.command("clear")
@click.argument("encoder", required=False)
def cache_clear(encoder: str | None) -> None:
    """Remove all cached vectors, or those of the ENCODER whose name in info begins like this."""
    from retrieval.errors import UnknownName
    from retrieval.store.embeddings import EmbeddingCache

    cache = EmbeddingCache.open()
    if encoder is None:
        print(f"{cache.clear():,} bytes freed")
        return
    known = [one.identity for one in cache.info().encoders]
    chosen = [identity for identity in known if identity.startswith(encoder)]
    if not chosen:
        raise UnknownName.of("cached encoder", encoder, known)
    print(f"{sum(cache.clear(identity) for identity in chosen):,} bytes freed")
