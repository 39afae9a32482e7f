"""What one search sees of a collection: a generation, and what it is searched with."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from encoders.analysis import Analyzer
from retrieval import systems
from retrieval.errors import InvalidInput, UnknownName
from retrieval.pipeline import Per, Stage
from retrieval.representation import Representation
from retrieval.store.snapshot import Snapshot


@dataclass(frozen=True)
class View:
    """One generation; it never changes, whatever happens to the collection meanwhile."""

    snapshot: Snapshot
    parts: Mapping[str, Representation]

    @property
    def representations(self) -> tuple[str, ...]:
        """Names of the representations."""
        return tuple(self.parts)

    @property
    def settings(self) -> Mapping[str, Any]:
        """How sources are read and cut, and the systems that have names; JSON."""
        return self.snapshot.manifest.settings

    @property
    def per(self) -> Per:
        """What searches return unless they say it: passages, or their parents."""
        return "parent" if self.settings.get("search", {}).get("per") == "parent" else "passage"

    @cached_property
    def analyzer(self) -> Analyzer:
        """What finds the words to highlight: the analyzer of the lexical representation."""
        for representation in self.parts.values():
            own = getattr(representation.encoder, "analyzer", None)
            if isinstance(own, Analyzer):
                return own
        return Analyzer()

    def representation(self, name: str, snapshot: Snapshot | None = None) -> Representation:
        """Return one representation, or raise `UnknownName`; `snapshot` can only be its own."""
        assert snapshot is None or snapshot is self.snapshot, "a view has one snapshot"
        if name not in self.parts:
            raise UnknownName.of("representation", name, self.parts)
        return self.parts[name]


def system(over: systems.Named, name: str | None) -> Stage:
    """Return a system by name, None for the one its recipe says, else the hybrid, else the first.

    Raises:
        UnknownName: there is none of that name.
    """
    name = name or systems.default(over)
    if not isinstance(name, str):
        raise InvalidInput(f"system {name!r} is no name: pass one of {systems.names(over)}")
    return systems.build(over, name)
