"""Recipes: a collection and its systems, described once, in TOML or in Python.

    sources = ["docs", "papers.jsonl"]      # folders and files, relative to the file this is in
    chunking = "sentences:200:20"           # or a table; left out: documents are not cut

    [fields]                                # which keys or columns of a row make a document
    text = "body"

    [representations]                       # left out: BM25 and dense
    bm25 = "bm25:german"

    [representations.dense]
    encoder = "dense:/models/my-model"      # more keys are options of the encoder
    precision = "bfloat16"
    index = { metric = "COSINE" }           # build settings of its index

    [systems.short]                         # more systems beside the representations; see `systems`
    retrieve = "bm25"
    settings = { k1 = 0.6 }

    [search]                                # what answers when nothing else is said
    system = "short"
    per = "parent"

Unknown keys are errors that suggest the nearest known one. `toml_of` writes the recipe that made an
index.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from dataclasses import fields as fields_of
from os.path import exists
from pathlib import Path
from typing import Any

import encoders
from indexes.errors import nearest
from retrieval import systems
from retrieval.chunking import Chunking
from retrieval.errors import CorruptIndex, InvalidInput, UnknownName
from retrieval.ingest.fields import Fields
from retrieval.limits import RECIPE_BYTES_MAX, RECIPE_KEY_PARTS_MAX
from retrieval.representation import DEFAULT, INDEX_OF, Representation, Spec, specs_of
from retrieval.store.segment import INDEXES, Build, build_settings
from retrieval.systems import Named

_KEYS = ("sources", "chunking", "fields", "representations", "systems", "search")
_SEARCH = ("system", "per")
_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
_LONG_KEY = re.compile(rf"(?<![\w-])(?:{_PART}[ \t]*+\.[ \t]*+){{{RECIPE_KEY_PARTS_MAX}}}")


@dataclass(frozen=True)
class Recipe:
    """How a collection is made and searched.

    sources          folders and files to index
    chunking         how documents are cut into passages; None: they are not
    fields           which keys or columns of a row make a document
    representations  name → spec, or a list of specs
    systems          name → definition, see `retrieval.systems`
    search           "system": which answers when none is named; "per": "passage" or "parent"
    complete         whether that is all: if not, an index that is there keeps what is None here

    A new index without representations gets BM25 and dense. Chunking may be given as text, fields
    as a mapping.

    Raises:
        InvalidInput: anything that cannot be, down to the settings of each system.
    """

    sources: Sequence[str] = ()
    chunking: Chunking | str | None = None
    fields: Fields | Mapping[str, Any] | None = None
    representations: Mapping[str, Spec] | Sequence[str] | None = None
    systems: Mapping[str, Any] | None = None
    search: Mapping[str, Any] | None = None
    complete: bool = False

    def __post_init__(self) -> None:
        sources = (self.sources,) if isinstance(self.sources, str | Path) else self.sources
        if not isinstance(sources, Sequence) or not all(isinstance(s, str | Path) for s in sources):
            raise InvalidInput(f"sources is {sources!r}: use a list of folders and files")
        own: dict[str, Any] = {
            "sources": tuple(map(str, sources)),
            "chunking": _chunking(self.chunking),
        }
        own["fields"] = None if self.fields is None else _fields(self.fields)
        for name, value in own.items():
            object.__setattr__(self, name, value)
        specs = specs_of(DEFAULT if self.representations is None else self.representations)
        parts = {name: Representation.sketched(name, spec) for name, spec in specs.items()}
        _only(_table(self.search, "search"), _SEARCH, "[search]")
        _table(self.systems, "systems")
        if (self.search or {}).get("per", "passage") not in ("passage", "parent"):
            raise InvalidInput(f"search.per is {self.search!r}: use 'passage' or 'parent'")
        if self.complete or self.representations is not None:
            systems.check({"systems": self.systems or {}, "search": self.search or {}}, parts)

    @classmethod
    def read(cls, path: str | Path) -> "Recipe":
        """Read a TOML file; its sources are relative to the folder it is in.

        Raises:
            InvalidInput: no TOML, an unknown key, or a value that means nothing.
        """
        path = Path(path)
        try:
            with path.open("rb") as stream:
                data = stream.read(RECIPE_BYTES_MAX + 1)
            # Of what is too long, the last character may be half.
            text = data.decode(errors="strict" if len(data) <= RECIPE_BYTES_MAX else "replace")
        except (OSError, ValueError) as error:  # also a path with NUL
            raise InvalidInput(f"{path} cannot be read: {error}") from error
        return cls.parse(text, place=str(path), folder=path.parent)

    @classmethod
    def parse(cls, text: str, *, place: str = "recipe", folder: Path = Path()) -> "Recipe":
        """Read TOML; `place` is what errors call it, `folder` what sources are relative to."""
        if len(text.encode(errors="replace")) > RECIPE_BYTES_MAX:
            raise InvalidInput(f"{place} has more than {RECIPE_BYTES_MAX:,} bytes: it is no recipe")
        if _LONG_KEY.search(text):
            raise InvalidInput(
                f"{place} has a key of more than {RECIPE_KEY_PARTS_MAX} parts: no recipe has"
            )
        try:
            table = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # a number too long, or too many levels
            raise InvalidInput(f"{place} is not TOML: {str(error)[:200]}") from error
        try:
            return cls._of_table(table, folder)
        except UnknownName as error:
            raise UnknownName(f"{place}: {error}") from error
        except InvalidInput as error:
            raise InvalidInput(f"{place}: {error}") from error

    @classmethod
    def _of_table(cls, table: Mapping[str, Any], folder: Path) -> "Recipe":
        _only(table, _KEYS, "it")
        sources = table.get("sources", [])
        if not isinstance(sources, list) or not all(isinstance(one, str) for one in sources):
            raise InvalidInput(f"sources is {sources!r}: use a list of folders and files")
        found = {
            name: _representation(name, value, folder)
            for name, value in _table(table.get("representations"), "representations").items()
        }
        return cls(
            sources=[str(_path(folder, one)) for one in sources],
            chunking=table.get("chunking"),
            fields=_table(table.get("fields"), "fields"),
            representations=found or {name: name for name in DEFAULT},
            systems=_table(table.get("systems"), "systems"),
            search=_table(table.get("search"), "search"),
            complete=True,
        )

    def settings(self, kept: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return what a manifest records besides sources and representations.

        `kept` are the settings of an index that is there, for what this recipe leaves unsaid.
        """
        own = {
            "chunking": asdict(self.chunking) if isinstance(self.chunking, Chunking) else None,
            "fields": _said(self.fields) if isinstance(self.fields, Fields) else None,
            "systems": self.systems,
            "search": self.search,
        }
        said = {key: value for key, value in own.items() if self.complete or value is not None}
        return {key: value for key, value in {**(kept or {}), **said}.items() if value}


def toml_of(collection: Named) -> str:
    """Return the recipe that made a collection, as TOML that `Recipe.parse` reads.

    An encoder of the user's own is written as "custom", which only Python can provide.
    """
    import tomli_w

    manifest = collection.snapshot.manifest
    recorded = {
        name: _recorded(collection.representation(name).recipe)
        for name in collection.representations
    }
    sources = [source for source in manifest.sources if source]
    parts = {**manifest.settings, "sources": sources, "representations": recorded}
    return tomli_w.dumps({key: parts[key] for key in _KEYS if parts.get(key)})


def _recorded(recipe: Mapping[str, Any]) -> dict[str, Any]:
    spec, options = encoders.spec_of(recipe["encoder"])
    index = {key: value for key, value in recipe["index"].items() if value is not None}
    return {"encoder": spec, **options, "index": index}


def _representation(name: str, value: Any, folder: Path) -> Spec:
    if isinstance(value, str):
        return _placed(value, folder)
    at = f"[representations.{name}]"
    if not isinstance(value, dict) or not isinstance(value.get("encoder"), str):
        raise InvalidInput(f'{at} is {value!r:.99}: it needs an encoder, such as encoder = "bm25"')
    options = {key: one for key, one in value.items() if key not in ("encoder", "index")}
    try:
        encoder = encoders.make(_placed(value["encoder"], folder), options)
        index = value.get("index")
        return encoder if index is None else (encoder, _build(index, encoder.kind))
    except InvalidInput as error:
        raise InvalidInput(f"{at}: {error}") from error


def _placed(spec: str, folder: Path) -> str:
    """Return a spec with paths that are there from a folder on written from the root."""
    word, colon, argument = spec.partition(":")
    if not colon or word == "bm25":
        return spec
    paths = [(part, _path(folder, part)) for part in argument.split("::")]
    placed = [str(path.resolve()) if part and exists(path) else part for part, path in paths]
    return f"{word}:{'::'.join(placed)}"


def _path(folder: Path, name: str) -> Path:
    try:
        return folder / Path(name).expanduser()
    except RuntimeError:  # the home of somebody who has none
        return folder / name


def _build(values: Any, kind: str) -> Build:
    """Return the build settings that a table names; its `kind` may be left out."""
    if not isinstance(values, Mapping):
        raise InvalidInput(f"index is {values!r}: use a table of build settings")
    settings = dict(values)
    name = settings.pop("kind", INDEX_OF.get(kind))
    if name not in INDEXES:
        raise InvalidInput(f"no index is called {nearest(str(name), INDEXES)}")
    known = [one.name for one in fields_of(INDEXES[name].Build)]
    if unknown := set(settings) - set(known):
        raise InvalidInput(f"an index {name!r} has no setting {nearest(unknown.pop(), known)}")
    try:
        build: Build = build_settings(INDEXES[name], settings)
    except CorruptIndex as error:
        raise InvalidInput(str(error)) from error
    return build


def _chunking(value: Any) -> Chunking | None:
    if value is None or isinstance(value, Chunking):
        return value
    if isinstance(value, str):
        return Chunking.parse(value)
    _only(_table(value, "chunking"), [one.name for one in fields_of(Chunking)], "[chunking]")
    return Chunking(**value)


def _fields(value: Any) -> Fields:
    if isinstance(value, Fields):
        return value
    _only(_table(value, "fields"), [one.name for one in fields_of(Fields)], "[fields]")
    return Fields(**value)


def _table(value: Any, key: str) -> dict[str, Any]:
    if not isinstance(value, Mapping | None):
        raise InvalidInput(f"{key} is {value!r}: make it a table, [{key}]")
    return dict(value or {})


def _only(table: Mapping[str, Any], known: Iterable[str], place: str) -> None:
    if unknown := sorted(set(table) - set(known)):
        raise InvalidInput(f"{place} has no key {nearest(unknown[0], known)}")


def _said(settings: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that differ from its defaults, as JSON."""
    default = asdict(type(settings)())
    said = {key: value for key, value in asdict(settings).items() if value != default[key]}
    return {key: list(one) if isinstance(one, tuple) else one for key, one in said.items()}
