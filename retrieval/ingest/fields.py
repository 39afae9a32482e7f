"""Which keys or columns of a record make its document: those asked for, else those well known.

Layouts are decided once for a file, by its header, schema or first object, and hold for all of it.
"""

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from retrieval.errors import InvalidDocument, InvalidInput
from retrieval.limits import FIELDS_MAX

DOCNOS = ("_id", "id", "docno", "pid", "passage_id", "doc_id", "docid", "document_id", "uid")
TEXTS = ("text", "contents", "content", "body", "passage", "segment", "abstract")
TITLES = ("title", "headline", "heading")
"""Known names in any case; of several in one record the first here. In MS MARCO's second version a
passage has a `pid` of its own and the `docid` of its document, so `pid` comes before."""


class LayoutUnknown(InvalidDocument):
    """A file whose records have no text by a known name, or no field of a name asked for."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Names of the keys or columns that make a document; "" is found by itself.

    docno     without one the docno is "FILE:LINE", in Parquet "FILE:ROW"
    text      one name, or several with commas between them, whose texts are joined by newlines
    title     one name
    metadata  names of what is kept as metadata; None: everything that is left

    Raises:
        InvalidInput: a name that is no string, or is given twice.
    """

    docno: str = ""
    text: str = ""
    title: str = ""
    metadata: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.metadata, Iterable) and not isinstance(self.metadata, str):
            object.__setattr__(self, "metadata", tuple(self.metadata))  # TOML and JSON have lists
        for name, value in (("docno", self.docno), ("text", self.text), ("title", self.title)):
            if not isinstance(value, str):
                raise InvalidInput(f"the field {name} is {value!r}: name a key or column")
        kept = self.metadata
        listed = isinstance(kept, tuple) and all(isinstance(name, str) for name in kept)
        if kept is not None and not listed:
            raise InvalidInput(f"the field metadata is {kept!r}: pass a list of names")

    @classmethod
    def parse(cls, pairs: Iterable[str]) -> "Fields":
        """Read what a command line says: "text=body", "metadata=year,lang", "metadata=" for none.

        Raises:
            InvalidInput: no such field, no "=", or one field twice.
        """
        values: dict[str, Any] = {}
        for pair in pairs:
            name, equals, value = pair.partition("=")
            if name not in cls.__dataclass_fields__ or not equals or name in values:
                known = ", ".join(cls.__dataclass_fields__)
                raise InvalidInput(f"{pair!r} is no field: write one of {known} once, as text=body")
            values[name] = value if name != "metadata" else tuple(_parts(value))
        return cls(**values)


DETECTED = Fields()
"""All found by themselves."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of a document are in the records of one file; "" where there is none."""

    docno: str
    text: tuple[str, ...]
    title: str
    metadata: tuple[str, ...] | None = None

    def keeps(self, key: str) -> bool:
        """Say whether a key or column is metadata."""
        if self.metadata is not None:
            return key in self.metadata
        return key != self.docno and key != self.title and key not in self.text


def layout_of(
    fields: Fields, columns: Collection[str], texts: Collection[str], *, place: str
) -> Layout:
    """Decide the layout of a file of which `columns` are known, and `texts` of them hold text.

    Raises:
        LayoutUnknown: a name asked for is not there; or none for the text is asked for, and none
            of `texts` is known.
    """
    if len(columns) > FIELDS_MAX:
        raise LayoutUnknown(
            f"{place} has {len(columns):,} columns or keys, over {FIELDS_MAX:,}: it is no table of "
            "documents"
        )
    text = _asked(fields.text, columns, place) or _first_known(TEXTS, texts)
    if not text:
        raise LayoutUnknown(
            f"{place} has no key or column of a known name that holds text (it has "
            f"{_listed(columns)}): name one with --field text=NAME, in Python Fields(text=NAME)"
        )
    taken = set(text)
    title = _asked(fields.title, columns, place) or _first_known(TITLES, set(texts) - taken)
    docno = _asked(fields.docno, columns, place) or _first_known(DOCNOS, set(columns) - taken)
    if len(title) > 1 or len(docno) > 1:
        raise LayoutUnknown(f"{place}: a document has one docno and one title, name one of each")
    return Layout("".join(docno), text, "".join(title), fields.metadata)


def check_metadata(fields: Fields, columns: Collection[str], place: str) -> None:
    """Check that what is asked for as metadata is among the columns of a table.

    Raises:
        LayoutUnknown: a column is not there.
    """
    for name in fields.metadata or ():
        if name not in columns:
            raise _missing(name, columns, place)


def _asked(name: str, columns: Collection[str], place: str) -> tuple[str, ...]:
    if not name:
        return ()
    names = [name] if name in columns else _parts(name)  # a column's own name may have a comma
    for one in names:
        if one not in columns:
            raise _missing(one, columns, place)
    return tuple(names)


def _missing(name: str, columns: Collection[str], place: str) -> LayoutUnknown:
    near = difflib.get_close_matches(name, columns, n=1)
    hint = f", did you mean {near[0]!r}" if near else ""
    return LayoutUnknown(f"{place} has no {name!r}{hint}: it has {_listed(columns)}")


def _first_known(known: Iterable[str], columns: Collection[str]) -> tuple[str, ...]:
    by_name = {column.casefold(): column for column in sorted(columns, reverse=True)}
    return next(((by_name[name],) for name in known if name in by_name), ())


def _parts(names: str) -> list[str]:
    return [part.strip() for part in names.split(",") if part.strip()]


def _listed(columns: Collection[str]) -> str:
    shown = ", ".join(repr(column[:40]) for column in list(columns)[:12]) or "none"
    return shown + (f" and {len(columns) - 12} more" if len(columns) > 12 else "")
