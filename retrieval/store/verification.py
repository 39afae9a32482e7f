"""Checking a whole collection: every byte, every structure, every index against its vectors."""

from dataclasses import dataclass

from retrieval.errors import CorruptIndex, RetrievalError
from retrieval.store import manifest as manifests
from retrieval.store.container import Container
from retrieval.store.files import Folder
from retrieval.store.manifest import SegmentEntry
from retrieval.store.segment import Segment


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked and what is wrong."""

    n_files: int
    n_bytes: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def raise_problems(self) -> None:
        """Raise `CorruptIndex` with the first problem, if there is one."""
        if self.problems:
            raise CorruptIndex(self.problems[0])


def verify(folder: Folder) -> Verification:
    """Check the current commit; a damaged manifest raises, damaged segments are listed."""
    while True:
        manifest = manifests.read(folder)
        problems: list[str] = []
        for segment in manifest.segments:
            problems += _damaged_files(folder, segment) or _damaged_structure(
                folder, segment, n_sources=len(manifest.sources)
            )
        # A file may be gone only because a commit went by.
        if not problems or manifests.is_current(folder, manifest):
            break
    files = manifest.files()
    return Verification(len(files) + 1, sum(file.size for file in files), tuple(problems))


def _damaged_files(folder: Folder, entry: SegmentEntry) -> list[str]:
    roles = list(entry.files.items())
    if entry.tombstones is not None:
        roles.append(("tombstones", entry.tombstones))
    problems = []
    for role, file in roles:
        try:
            Container(folder, file, role.rpartition(".")[2]).verify()
        except (RetrievalError, OSError) as error:
            problems.append(str(error))
    return problems


def _damaged_structure(folder: Folder, entry: SegmentEntry, *, n_sources: int) -> list[str]:
    try:
        segment = Segment(folder, entry)
        segment.verify()
    except (RetrievalError, OSError) as error:
        return [str(error)]
    last = int(segment.documents.sources.max(initial=-1))
    if last < n_sources:
        return []
    place = folder.path / entry.files["documents"].name
    return [f"{place} names source {last}, the manifest knows {n_sources}: index again (--rebuild)"]
