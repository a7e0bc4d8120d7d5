"""The files that a program in one process keeps: what lies on the disk, taken and put back, and what is wrong with it.

What a file should be is KODE's to say, and which is kept the store's; no claim about how they come there is made here.
"""

import hashlib
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from syncer.files import folder_of
from syncer.files.part import is_part
from syncer.orders import DUE_FILE, File, FileState
from syncer.simulators.kode import KodeSimulator
from syncer.simulators.kode.model import ENDED
from syncer.store import Store

Lying = Mapping[str, bytes | None]  # each path below the root; None is a folder


def taken(root: Path) -> Lying:
    """All that lies there, links as where they lead."""
    found: dict[str, bytes | None] = {}
    for place, folders, files in os.walk(root):
        at = Path(place).relative_to(root)
        found |= {str(at / name): None for name in folders}
        found |= {str(at / name): Path(place, name).read_bytes() for name in files}
    return found


def put(root: Path, lying: Lying) -> None:
    """Has all of it lie there, and nothing else."""
    shutil.rmtree(root, ignore_errors=True)
    for path in sorted(lying):
        body = lying[path]
        if body is None:
            (root / path).mkdir(parents=True)
        else:
            (root / path).write_bytes(body)


def hashes(root: Path) -> dict[str, str]:
    """The SHA-256 of each file, but for those that are, or were, being written."""
    found = taken(root)
    return {
        path: hashlib.sha256(body).hexdigest()
        for path, body in found.items()
        if body is not None and not is_part(Path(path).name)
    }


def wrong(
    root: Path,
    store: Store,
    kode: KodeSimulator,
    spoilt: Collection[str] = frozenset(),
    once_ended: Collection[str] = frozenset(),
) -> Iterator[str]:
    """Each file that isn't as it is said to be: one that is kept lies there whole, and nothing else does.

    One that is due may lie there already, or still, and one that is being written where any is due. Of the `spoilt`
    ones, other bytes may have come than KODE's. The orders `once_ended` were taken back at some time.
    """
    there, files = hashes(root), dict(_files(store))
    for path, file in files.items():
        if file.state is FileState.KEPT:
            expected = {kode.digest(file.asset)} | ({file.sha256} if file.asset in spoilt else set())
            if there.get(path) != file.sha256 or file.sha256 not in expected:
                yield f"{path} is kept, and is not what KODE has: {there.get(path)}, noted as {file.sha256}"
        if file.state is FileState.GONE and not _taken_back(kode, file, once_ended):
            yield f"{path} is gone, and nobody has deleted it"
    due = {path for path, file in files.items() if file.state in DUE_FILE}
    kept = {path for path, file in files.items() if file.state is FileState.KEPT}
    yield from (f"{path} lies there, and nobody keeps it" for path in sorted(there.keys() - kept - due))
    if not due:
        left = [path for path in taken(root) if path not in there and not _holds(path, there)]
        yield from (f"{path} was left behind" for path in sorted(left))


def _taken_back(kode: KodeSimulator, file: File, once_ended: Collection[str]) -> bool:
    owner = kode.desk.owner(file.asset)
    ended = owner.status in ENDED or str(owner.collection_id) in once_ended
    return ended or kode.desk.asset(file.asset).status == "DELETED"


def _files(store: Store) -> Iterator[tuple[str, File]]:
    for order in store.orders(portal="kode"):
        yield from ((f"{folder_of(order.name)}/{file.name}", file) for file in store.files(order.name))


def _holds(path: str, there: Mapping[str, str]) -> bool:
    return any(other.startswith(f"{path}/") for other in there)
