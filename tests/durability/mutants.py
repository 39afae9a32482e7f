"""The rules of the store, each with the change to its source that breaks it.

Every fsync, every rule of order and every check of a checksum, a size or an identity is here, with
the trial that must notice when it is gone. The checks of arrays are not listed: `checks` finds them
in the source, those of a later index kind too.
"""

import ast
import importlib
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule that is broken.

    name     what the store does then
    trial    which search notices it, by its name in `trials` or `forging`
    module   where
    old      source text that occurs there once
    new      what takes its place
    """

    name: str
    trial: str
    module: str
    old: str
    new: str

    @property
    def source(self) -> str:
        return Path(str(importlib.import_module(self.module).__file__)).read_text()

    @property
    def changed(self) -> str:
        assert self.source.count(self.old) == 1, f"{self.name}: {self.old!r} of {self.module}"
        return self.source.replace(self.old, self.new)


_CONTAINER, _MANIFEST = "retrieval.store.container", "retrieval.store.manifest"
_SEGMENT, _WRITER = "retrieval.store.segment", "retrieval.writer"
_FILES, _SNAPSHOT = "retrieval.store.files", "retrieval.store.snapshot"
_SHELF, _DOCUMENTS = "retrieval.store.shelf", "retrieval.store.documents"

_COMMIT = "        folder.sync()\n        folder.replace(_NEW, NAME)\n        folder.sync()\n"
_LAST = "            file.write(data)\n            file.sync()\n"

MUTANTS = (
    # ------------------------------------------------------------------ syncs and their order
    Mutant("containers are never synced", "crashes", _CONTAINER,
           "        if sync:\n            file.sync()", "        if sync:\n            pass"),
    Mutant("containers are synced before they are whole", "crashes", _CONTAINER,
           "        file.write(_FOOTER.pack(position, len(directory), checksum, _MAGIC_END))\n"
           "        if sync:\n            file.sync()",
           "        if sync:\n            file.sync()\n"
           "        file.write(_FOOTER.pack(position, len(directory), checksum, _MAGIC_END))"),
    Mutant("a failed sync of a container is tried again", "faults", _CONTAINER,
           "        if sync:\n            file.sync()",
           "        if sync:\n            try:\n                file.sync()\n"
           "            except OSError:\n                file.sync()"),
    Mutant("a failed sync of a container is overlooked", "faults", _CONTAINER,
           "        if sync:\n            file.sync()",
           "        if sync:\n            try:\n                file.sync()\n"
           "            except OSError:\n                pass"),
    Mutant("the manifest is never synced", "crashes", _MANIFEST, _LAST,
           "            file.write(data)\n"),
    Mutant("a failed sync of the manifest is tried again", "faults", _MANIFEST, _LAST,
           "            file.write(data)\n            try:\n                file.sync()\n"
           "            except OSError:\n                file.sync()\n"),
    Mutant("names are synced after the manifest alone", "crashes", _MANIFEST, _COMMIT,
           "        folder.replace(_NEW, NAME)\n        folder.sync()\n"),
    Mutant("the manifest's name is not synced", "crashes", _MANIFEST, _COMMIT,
           "        folder.sync()\n        folder.replace(_NEW, NAME)\n"),
    Mutant("a failed sync of names is overlooked", "faults", _MANIFEST, _COMMIT,
           "        folder.sync()\n        folder.replace(_NEW, NAME)\n        try:\n"
           "            folder.sync()\n        except OSError:\n            pass\n"),
    Mutant("the manifest is replaced in two steps", "crashes", _MANIFEST,
           "        folder.replace(_NEW, NAME)\n",
           "        folder.remove(NAME)\n        folder.replace(_NEW, NAME)\n"),
    Mutant("the manifest is written in place", "crashes", _MANIFEST,
           "        file = folder.create(_NEW)\n        try:\n",
           "        folder.remove(NAME)\n        folder.create(_NEW).close()\n"
           "        file = folder.create(NAME)\n        try:\n"),
    Mutant("a manifest left over is in the way", "kills", _MANIFEST,
           "        if _NEW in folder.names():\n            folder.remove(_NEW)\n", ""),
    Mutant("a left-over manifest stays", "kills", _MANIFEST,
           "if name == _NEW or (_FILE_NAME", "if (_FILE_NAME"),
    Mutant("files of somebody else are removed", "crashes", _MANIFEST,
           "_FILE_NAME.fullmatch(name) and name not in keep",
           "_FILE_NAME.match(name) and name not in keep"),
    Mutant("nothing is ever removed", "crashes", _MANIFEST,
           "and name not in keep):\n            folder.remove(name)",
           "and name not in keep):\n            pass"),
    Mutant("a new writer removes before it syncs names", "kills", _WRITER,
           "                folder.sync()\n                manifests.collect",
           "                manifests.collect"),
    Mutant("old files go before the commit", "crashes", _WRITER,
           "        manifests.commit(self._folder, following)\n",
           "        manifests.collect(self._folder, following)\n"
           "        manifests.commit(self._folder, following)\n"),
    Mutant("a commit that may stand is dropped", "faults", _WRITER,
           "if manifests.is_current(self._folder, before):", "if True:"),
    Mutant("failing to tidy up fails the commit", "faults", _WRITER,
           "        with suppress(OSError, Locked):  # the commit stands, and",
           "        with suppress(Locked):  # the commit stands, and"),
    Mutant("file names are used twice", "crashes", _WRITER,
           "replace(self._manifest, next_file=number + 1)",
           "replace(self._manifest, next_file=number)"),
    Mutant("tombstones are forgotten", "crashes", _WRITER,
           "        if not pending.changed:\n            return pending.entry\n",
           "        if not pending.changed or pending.entry.tombstones is None:\n"
           "            return pending.entry\n"),
    Mutant("errors of the disk have no type", "faults", _FILES,
           "    except OSError as error:\n        remedy",
           "    except EOFError as error:\n        remedy"),
    # ------------------------------------------------------------------ readers and writers
    Mutant("two may write", "readers", _WRITER,
           "            self._stack.enter_context(folder.lock())\n", "            pass\n"),
    Mutant("a reader that lost a race gives up", "readers", _SNAPSHOT,
           "for _ in range(_ATTEMPTS):", "for _ in range(1):"),
    Mutant("a reader does not tell which file is missing", "damage", _SNAPSHOT,
           "if manifests.is_current(folder, manifest):", "if False:"),
    Mutant("a reader keeps old tombstones", "crashes", _SNAPSHOT,
           "known if known and known.entry == entry else", "known if known else"),
    Mutant("a segment keeps files it has no more", "readers", _SEGMENT,
           "known is not None and known.entry.files == entry.files", "known is not None"),
    # ------------------------------------------------------------------ containers
    Mutant("sizes are not compared", "damage", _CONTAINER,
           "size != entry.size or size <", "size <"),
    Mutant("no file is too short", "lies", _CONTAINER,
           " or size < _HEADER.size + _FOOTER.size:", ":"),
    Mutant("any file is a container", "lies", _CONTAINER, "magic != MAGIC or zero", "zero"),
    Mutant("reserved bytes may say anything", "lies", _CONTAINER, " or zero != 0:", ":"),
    Mutant("any version is read", "lies", _CONTAINER,
           "        check_version(self.name, version, VERSION)\n", ""),
    Mutant("any kind is read", "lies", _CONTAINER,
           'if name.rstrip(b"\\0") != kind.encode():', "if False:"),
    Mutant("any end is an end", "damage", _CONTAINER, "end != _MAGIC_END or ", ""),
    Mutant("bytes may follow the directory", "lies", _CONTAINER,
           " or offset + length + _FOOTER.size != size:", ":"),
    Mutant("directories have any size", "lies", _CONTAINER,
           "if length > DIRECTORY_BYTES_MAX:", "if False:"),
    Mutant("directories are not checked", "damage", _CONTAINER,
           "if found != checksum or ", "if "),
    Mutant("the version of a damaged header is believed", "damage", _CONTAINER,
           "        found = xxhash.xxh3_64_intdigest(header + directory)\n",
           "        check_version(self.name, version, VERSION)\n"
           "        found = xxhash.xxh3_64_intdigest(header + directory)\n"),
    Mutant("files may be exchanged", "damage", _CONTAINER,
           ' or f"{checksum:016x}" != entry.checksum:', ":"),
    Mutant("arrays have any number of dimensions", "lies", _CONTAINER,
           "len(shape) > ARRAY_AXES_MAX or ", ""),
    Mutant("shapes are not looked at", "lies", _CONTAINER, "not _are_counts(shape) or ", ""),
    Mutant("offsets are not looked at", "lies", _CONTAINER, " or not _are_counts([offset]):", ":"),
    Mutant("arrays lie anywhere", "lies", _CONTAINER,
           "offset != position + -position % _ALIGNMENT or name in arrays", "name in arrays"),
    Mutant("arrays are named twice", "lies", _CONTAINER, " or name in arrays:", ":"),
    Mutant("arrays do not add up", "lies", _CONTAINER, "if position != end:", "if False:"),
    Mutant("booleans are counts", "lies", _CONTAINER,
           "type(value) is not int or value < 0", "value < 0"),
    Mutant("counts may be negative", "lies", _CONTAINER,
           "type(value) is not int or value < 0", "type(value) is not int"),
    Mutant("a directory that cannot be read has no type", "lies", _CONTAINER,
           "except (ValueError, TypeError, KeyError, RecursionError) as error:",
           "except EOFError as error:"),
    Mutant("arrays are not checked", "damage", _CONTAINER,
           "if xxhash.xxh3_64_intdigest(data) != self._directory[name].checksum:", "if False:"),
    Mutant("JSON says a thing twice", "lies", _CONTAINER,
           "if len(read) < len(pairs):", "if False:"),
    Mutant("missing arrays have no type", "lies", _CONTAINER,
           "if name not in self._directory:", "if False:"),
    # ------------------------------------------------------------------ manifests and segments
    Mutant("a manifest has any number of values", "lies", _MANIFEST,
           'if sum(map(data.count, (b",", b"[", b"{"))) > MANIFEST_VALUES_MAX:', "if False:"),
    Mutant("a manifest is spelled in any way", "lies", _MANIFEST,
           "if json.dumps(whole, allow_nan=False).encode() != data:", "if False:"),
    Mutant("counts of a manifest are not compared with files", "lies", _SEGMENT,
           "if opened.shape(name) != (n,):", "if False:"),
    Mutant("an index may have any length", "lies", _SEGMENT, "if n != len(self):", "if False:"),
    Mutant("an index may be of other vectors", "lies", _SEGMENT,
           "if not _same(stored.get(array), built.get(array)):", "if False:"),
    Mutant("a damaged manifest is believed", "lies", _MANIFEST,
           "if not data.endswith(_tail(data[:-_TAIL_BYTES])):", "if False:"),
    Mutant("any format is read", "lies", _MANIFEST, 'if whole["format"] != FORMAT:', "if False:"),
    Mutant("manifests have any size", "lies", _MANIFEST,
           "folder.read(NAME, MANIFEST_BYTES_MAX)", "folder.read(NAME, 2**40)"),
    Mutant("a segment may lack an index", "lies", _MANIFEST,
           'if set(segment.files) != {"documents", *roles}:', "if False:"),
    Mutant("a file belongs to two segments", "lies", _MANIFEST,
           "if len(set(names)) != len(names):", "if False:"),
    Mutant("numbers of files are used again", "lies", _MANIFEST,
           "if not last < manifest.next_file <= 10**17:", "if False:"),
    Mutant("names of files are paths", "lies", _MANIFEST,
           'if not _FILE_NAME.fullmatch(name) or name.partition(".")[2] != role:', "if False:"),
    Mutant("any file takes any part", "lies", _MANIFEST,
           ' or name.partition(".")[2] != role:', ":"),
    Mutant("names of representations are paths", "lies", _MANIFEST,
           "if not _REPRESENTATION.fullmatch(name):", "if False:"),
    Mutant("counts of a manifest may be anything", "lies", _MANIFEST,
           "if type(value) is not int or not 0 <= value < 2**63:", "if False:"),
    Mutant("more is deleted than there is", "lies", _MANIFEST,
           "n_deleted > (n_documents if tombstones else 0)", "False"),
    Mutant("a number stands where text should", "lies", _MANIFEST,
           "if not isinstance(value, kind):", "if False:"),
    Mutant("tombstones are not counted", "lies", _SEGMENT,
           "if dead.count != self.entry.n_deleted:", "if False:"),
    Mutant("any version of anything is read", "lies", "retrieval.store.formats",
           "if type(found) is int and found == read:", "if True:"),
    Mutant("unknown features are overlooked", "lies", "retrieval.store.formats",
           "if unknown := sorted(repr(one) for one in found if one not in read):", "if False:"),
    Mutant("documents are merged unchecked", "damage", _SEGMENT,
           '        self._opened.containers["documents"].arrays()\n        return self.documents',
           "        return self.documents"),
    Mutant("metadata is not checked", "damage", _SEGMENT,
           '        opened.array("metadata.data")  # every byte', "        # every byte"),
    Mutant("texts are not checked", "damage", _DOCUMENTS,
           "if digest_of(title, text, metadata, span) != self.digests[ordinal].tobytes():",
           "if False:"),
    # ------------------------------------------------------------------ the disk
    Mutant("no file is ever synced", "disk", _FILES,
           "        os.fsync(self._descriptor)\n", "        pass\n"),
    Mutant("no folder is ever synced", "disk", _FILES,
           "            os.fsync(descriptor)\n", "            pass\n"),
    Mutant("new folders are not synced", "disk", _FILES,
           "            DiskFolder(path.parent).sync()\n", "            pass\n"),
    Mutant("a short write is a whole one", "disk", _FILES,
           "        while view:\n            view = view[os.write(self._descriptor, view) :]",
           "        os.write(self._descriptor, view)"),
    Mutant("files are written over", "disk", _FILES,
           "os.O_WRONLY | os.O_CREAT | os.O_EXCL", "os.O_WRONLY | os.O_CREAT"),
    Mutant("links are followed", "disk", _FILES,
           "os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK", "os.O_RDONLY | os.O_NONBLOCK"),
    Mutant("pipes are read", "disk", _FILES,
           "if not stat.S_ISREG(os.fstat(descriptor).st_mode):\n", "if False:\n"),
    Mutant("small files are of any size", "disk", _FILES, "            if size > limit:",
           "            if False:"),
    Mutant("a folder has two writers", "disk", "retrieval.store.lock",
           "    except BlockingIOError:\n        return False",
           "    except BlockingIOError:\n        return True"),
    # ------------------------------------------------------------------ the embedding cache
    Mutant("merged vectors are not synced", "cache", _SHELF,
           "self.write(keys, self._kind.concatenate(pieces), identity, sync=True)",
           "self.write(keys, self._kind.concatenate(pieces), identity)"),
    Mutant("names of merged vectors are not synced", "cache", _SHELF,
           "            self._folder.sync()\n", ""),
    Mutant("vectors appear under their name at once", "cache", _SHELF,
           "self._folder, name + NEW, _CONTAINER, arrays=arrays, settings=settings, sync=sync\n"
           "            )\n            self._folder.replace(name + NEW, name)",
           "self._folder, name, _CONTAINER, arrays=arrays, settings=settings, sync=sync\n"
           "            )"),
    Mutant("a batch that did not fit is left", "cache", _SHELF,
           "            with suppress(OSError):\n                self._folder.remove(name + NEW)\n",
           ""),
    Mutant("vectors of any encoder are believed", "cache", _SHELF,
           'if opened.settings.get("encoder") != name.rpartition(".")[0]:', "if False:"),
    Mutant("keys without vectors are believed", "cache", _SHELF,
           "if len(vectors) != len(part.first):", "if False:"),
    Mutant("files without keys are believed", "cache", _SHELF,
           "    if not len(keys):\n        raise", "    if False:\n        raise"),
    Mutant("damaged vectors are believed", "cache", _CONTAINER,
           "if xxhash.xxh3_64_intdigest(data) != self._directory[name].checksum:", "if False:"),
)  # fmt: skip


# ---------------------------------------------------------------------- checks of arrays


def checks() -> list[Mutant]:
    """Return a mutant for every check that loading makes of an array: it is left out.

    Not of `indexes.ivfpq`, which no collection keeps: its own tests lie to it.
    """
    loaded = (n for n in sys.modules if n.startswith("indexes.") and "ivfpq" not in n)
    names = ["retrieval.store.documents", *loaded]
    return [mutant for name in sorted(names) for mutant in _checks_in(name)]


def _checks_in(module: str) -> Iterator[Mutant]:
    source = inspect.getsource(importlib.import_module(module))
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef) and _loads(function.name):
            for statement in ast.walk(function):
                if isinstance(statement, ast.Expr | ast.If) and _is_check(statement):
                    yield _without(module, source, statement)


def _without(module: str, source: str, statement: ast.Expr | ast.If) -> Mutant:
    """Leave out a statement, which is told by as many lines before it as it takes."""
    lines = source.splitlines(keepends=True)
    first = start = statement.lineno - 1
    last = statement.end_lineno
    while source.count("".join(lines[start:last])) > 1:
        start -= 1
    rest = "".join(lines[start:first])
    name = f"{module}: no {lines[first].strip()}"
    passed = f"{rest}{' ' * statement.col_offset}pass\n"
    return Mutant(name, "arrays", module, "".join(lines[start:last]), passed)


def _loads(function: str) -> bool:
    return function == "from_arrays" or function.startswith(("_check", "check_"))


def _is_check(statement: ast.Expr | ast.If) -> bool:
    if isinstance(statement, ast.If):
        last = statement.body[-1]
        return isinstance(last, ast.Raise) and "CorruptIndex" in ast.dump(last)
    call = statement.value
    if not isinstance(call, ast.Call):
        return False
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name.lstrip("_").startswith("check") and "InvalidVectors" not in ast.dump(call)


# ---------------------------------------------------------------------- breaking and mending


@contextmanager
def applied(mutant: Mutant) -> Iterator[None]:
    """Break the rule for all who have imported the module, until the end."""
    module = importlib.import_module(mutant.module)
    before, after = _codes(mutant.source, module), _codes(mutant.changed, module)
    functions = dict(_functions(module))
    replaced = [name for name in functions if name in after and after[name] != before[name]]
    assert replaced, f"{mutant.name}: no function of {mutant.module} differs"
    kept = {name: functions[name].__code__ for name in replaced}
    try:
        for name in replaced:
            functions[name].__code__ = after[name]
        yield
    finally:
        for name in replaced:
            functions[name].__code__ = kept[name]


def _codes(source: str, module: ModuleType) -> dict[str, CodeType]:
    """Return the code of all functions and methods by their qualified names."""
    found, left = {}, [compile(source, str(module.__file__), "exec", dont_inherit=True)]
    while left:
        for constant in left.pop().co_consts:
            if isinstance(constant, CodeType) and "<locals>" not in constant.co_qualname:
                found[constant.co_qualname] = constant
                left.append(constant)
    return found


def _functions(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    classes = [one for one in vars(module).values() if inspect.isclass(one)]
    own = [vars(one) for one in classes if one.__module__ == module.__name__]
    for value in (value for names in (vars(module), *own) for value in names.values()):
        function = inspect.unwrap(_inside(value))
        if isinstance(function, FunctionType) and function.__module__ == module.__name__:
            yield function.__qualname__, function


def _inside(value: Any) -> Any:
    """Return the function in what decorates it."""
    match value:
        case staticmethod() | classmethod():
            return value.__func__
        case property():
            return value.fget
        case cached_property():
            return value.func
    return value
