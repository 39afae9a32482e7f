"""Building a collection again in the place of one that cannot be read."""

from contextlib import suppress
from pathlib import Path

from retrieval.errors import CorruptIndex
from retrieval.limits import MANIFEST_BYTES_MAX
from retrieval.store import manifest as manifests
from retrieval.store.files import Folder, storing
from retrieval.store.manifest import Manifest


class Afresh:
    """The `Folder` of a collection that cannot be read, as if it were empty, to be built again.

    Until a commit has replaced the manifest that was found, all files of the old collection stay:
    they are not listed, so that nobody removes them, and numbers go on after theirs. From then on,
    whoever made that commit, it is the folder itself: the next writer removes what is left.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        # What is not changed here is the folder's own.
        self.map, self.create, self.remove = folder.map, folder.create, folder.remove
        self.replace, self.sync, self.lock = folder.replace, folder.sync, folder.lock
        with storing(folder, "opening"):
            self._manifest = self._found()
            self._old = {name for name in folder.names() if manifests.is_file_name(name)}

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._folder.path

    def names(self) -> list[str]:
        """Return the names of all files, but for those of the old collection."""
        names = self._folder.names()
        return names if self._is_taken() else [name for name in names if name not in self._old]

    def read(self, name: str, limit: int) -> bytes:
        """Return a whole small file; in place of the old manifest one without documents."""
        if name != manifests.NAME or self._is_taken():
            return self._folder.read(name, limit)
        last = max((int(one.partition(".")[0]) for one in self._old), default=0)
        return Manifest(next_file=last + 1).to_bytes()

    def _is_taken(self) -> bool:
        # Not noted when it is replaced: that may take place and fail all the same.
        return self._found() != self._manifest

    def _found(self) -> bytes | None:
        with suppress(CorruptIndex):  # a link, say, has no content of its own
            return self._folder.read(manifests.NAME, MANIFEST_BYTES_MAX)
        return None
