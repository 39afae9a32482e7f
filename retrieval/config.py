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

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any

import encoders
from indexes.errors import nearest
from retrieval import systems
from retrieval.chunking import Chunking
from retrieval.errors import CorruptIndex, InvalidInput, UnknownName
from retrieval.ingest.fields import Fields
from retrieval.representation import DEFAULT, INDEX_OF, Spec
from retrieval.store.segment import INDEXES, Build, build_settings
from retrieval.systems import HYBRID, Named

_KEYS = ("sources", "chunking", "fields", "representations", "systems", "search")
_SEARCH = ("system", "per")


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

    A new index without representations gets BM25 and dense.
    """

    sources: tuple[str, ...] = ()
    chunking: Chunking | None = None
    fields: Fields | None = None
    representations: Mapping[str, Spec] | Sequence[str] | None = None
    systems: Mapping[str, Any] | None = None
    search: Mapping[str, Any] | None = None
    complete: bool = False

    @classmethod
    def read(cls, path: str | Path) -> "Recipe":
        """Read a TOML file; its sources are relative to the folder it is in.

        Raises:
            InvalidInput: no TOML, an unknown key, or a value that means nothing.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{path} cannot be read: {error}") from error
        return cls.parse(text, place=str(path), folder=path.parent)

    @classmethod
    def parse(cls, text: str, *, place: str = "recipe", folder: Path = Path()) -> "Recipe":
        """Read TOML; `place` is what errors call it, `folder` what sources are relative to."""
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InvalidInput(f"{place} is not TOML: {error}") from error
        _only(table, _KEYS, place)
        sources = table.get("sources", [])
        if not isinstance(sources, list) or not all(isinstance(one, str) for one in sources):
            raise InvalidInput(f"{place}: sources is {sources!r}: use a list of folders and files")
        found = {
            name: _representation(name, value, place)
            for name, value in _table(table, "representations", place).items()
        }
        return cls(
            sources=tuple(str(folder / one) for one in sources),
            chunking=_chunking(table.get("chunking"), place),
            fields=_fields(_table(table, "fields", place), place),
            representations=found or {name: name for name in DEFAULT},
            systems=_table(table, "systems", place),
            search=_search(_table(table, "search", place), place),
            complete=True,
        ).checked()

    def checked(self) -> "Recipe":
        """Return the recipe, or raise `InvalidInput` if a system is made of what it has not."""
        names = tuple(self.representations or DEFAULT)
        known = (*names, *(self.systems or ()), HYBRID)
        systems.check(self.systems or {}, names)
        default = (self.search or {}).get("system", HYBRID)
        if default not in known:
            raise UnknownName.of("system", default, known)
        return self

    def settings(self, kept: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return what a manifest records besides sources and representations.

        `kept` are the settings of an index that is there, for what this recipe leaves unsaid.
        """
        own = {
            "chunking": None if self.chunking is None else asdict(self.chunking),
            "fields": None if self.fields is None else _said(self.fields),
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
    parts = {**manifest.settings, "sources": manifest.sources, "representations": recorded}
    return tomli_w.dumps({key: parts[key] for key in _KEYS if parts.get(key)})


def _recorded(recipe: Mapping[str, Any]) -> dict[str, Any]:
    spec, options = encoders.spec_of(recipe["encoder"])
    return {"encoder": spec, **options, "index": dict(recipe["index"])}


def _representation(name: str, value: Any, place: str) -> Spec:
    if isinstance(value, str):
        return value
    at = f"{place}: [representations.{name}]"
    if not isinstance(value, dict) or not isinstance(value.get("encoder"), str):
        raise InvalidInput(f'{at} needs an encoder, such as encoder = "bm25"')
    options = {key: one for key, one in value.items() if key not in ("encoder", "index")}
    try:
        encoder = encoders.make(value["encoder"], options)
        index = value.get("index")
        return encoder if index is None else (encoder, _build(index, encoder.kind))
    except InvalidInput as error:
        raise InvalidInput(f"{at}: {error}") from error


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


def _chunking(value: Any, place: str) -> Chunking | None:
    if value is None or isinstance(value, str):
        return Chunking.parse(value) if value else None
    if not isinstance(value, dict):
        raise InvalidInput(f"{place}: chunking is {value!r}: use a text such as 'sentences:200'")
    known = [one.name for one in fields_of(Chunking)]
    _only(value, known, f"{place}: [chunking]")
    return Chunking(**value)


def _fields(table: Mapping[str, Any], place: str) -> Fields:
    _only(table, [one.name for one in fields_of(Fields)], f"{place}: [fields]")
    return Fields(**table)


def _search(table: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    _only(table, _SEARCH, f"{place}: [search]")
    if table.get("per", "passage") not in ("passage", "parent"):
        raise InvalidInput(f"{place}: search.per is {table['per']!r}: use 'passage' or 'parent'")
    return table


def _table(table: Mapping[str, Any], key: str, place: str) -> dict[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise InvalidInput(f"{place}: {key} is {value!r}: make it a table, [{key}]")
    return value


def _only(table: Mapping[str, Any], known: Iterable[str], place: str) -> None:
    if unknown := sorted(set(table) - set(known)):
        raise InvalidInput(f"{place} has no key {nearest(unknown[0], known)}")


def _said(settings: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that differ from its defaults, as JSON."""
    default = asdict(type(settings)())
    return {key: value for key, value in asdict(settings).items() if value != default[key]}
