"""The files of orders, as people and programs see them: `syncer files`, and a part of `show`.

With `--again`, files that aren't on the disk as they were kept are fetched anew.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.markup import escape
from rich.table import Table

from syncer.cli.acting import acting_store, bar, stopping
from syncer.cli.naming import order_name
from syncer.cli.opening import opened, reading_store
from syncer.cli.printing import console, iso, print_json, table, when
from syncer.config import Config
from syncer.engine import Progress
from syncer.files import Shelf, folder_of
from syncer.orders import File, FileState, Order
from syncer.store import Store
from syncer.telemetry import Redactor
from syncer.wiring import engine_of, utc

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Kept:
    """One file, the order that it hangs on, and where it is, if it is kept."""

    order: str
    file: File
    path: Path | None


def files(arguments: argparse.Namespace) -> int:
    """An order's files."""
    config, redactor = opened(arguments)
    if arguments.again and not _fetch_again(arguments, config, redactor):
        return 2
    with reading_store(config) as store:
        name = order_name(store, arguments.order)
        loaded = None if name is None else store.load(name)
        kept = [] if loaded is None else files_of(config, store, loaded[0])
    if loaded is None:
        return 2
    if arguments.json:
        print_json([file_json(one) for one in kept])
    elif not kept:
        print(f"{name} has no files")
    else:
        out = console()
        out.print(files_table(kept, config.timezone))
        for folder in dict.fromkeys(one.path.parent for one in kept if one.path is not None):
            out.print(escape(str(folder)), soft_wrap=True)
    return 0


def _fetch_again(arguments: argparse.Namespace, config: Config, redactor: Redactor) -> bool:
    """Has those files fetched that aren't on the disk as they were kept; at once, unless a running syncer does it.

    False, and it is said, where there is no such order.
    """
    out = sys.stderr if arguments.json else sys.stdout
    store, ours = acting_store(config)
    with store, bar() as progress:
        name = order_name(store, arguments.order)
        loaded = None if name is None else store.load(name)
        wrong = [] if loaded is None else list(_wrong(config, files_of(config, store, loaded[0]), progress))
        for one, why in wrong:
            print(f"{one.order}: {one.file.name} {why}, and is fetched anew", file=out)
        names = list(dict.fromkeys(one.order for one, _ in wrong))
        for order in names:
            store.want_again(order, [one.file.asset for one, _ in wrong if one.order == order], utc())
        if ours and names:
            engine = engine_of(config, store, redactor, progress=progress)
            with stopping(engine):
                engine.work_on(names)
    return loaded is not None


def _wrong(config: Config, kept: list[Kept], progress: Progress) -> Iterator[tuple[Kept, str]]:
    """The files that aren't as they were kept, each with what is wrong."""
    total, read = sum(one.file.size or 0 for one in kept if one.path is not None), 0

    def seen(size: int) -> None:
        nonlocal read
        read += size
        progress.say("MB of files read", read // MB, total // MB)

    for one in kept:
        root = _root(config, one.order)
        if one.path is not None and root is not None:
            size, sha256 = one.file.size or 0, one.file.sha256 or ""
            why = Shelf(root).check(folder_of(one.order), one.file.name, size, sha256, seen)
            if why is not None:
                yield one, why


def files_of(config: Config, store: Store, order: Order) -> list[Kept]:
    """An order's own files, and those of the order that was placed for it in another portal."""
    placed = getattr(config.fulfilments.get(order.fulfilment or ""), "portal", None)
    names = [order.name] + ([f"{placed}:{order.fulfilment_ref}"] if placed and order.fulfilment_ref else [])
    return [Kept(name, file, _path(config, name, file)) for name in names for file in store.files(name)]


def _path(config: Config, name: str, file: File) -> Path | None:
    root = _root(config, name)
    return None if root is None or file.state is not FileState.KEPT else root / folder_of(name) / file.name


def _root(config: Config, name: str) -> Path | None:
    root: Path | None = getattr(config.portals.get(name.partition(":")[0]), "files_dir", None)
    return root


def file_json(one: Kept) -> dict[str, Any]:
    """A file as programs see it. `called` is its name outside, until that is erased with the order's people."""
    file = one.file
    return {
        "order": one.order,
        "asset": file.asset,
        "name": file.name,
        "called": file.called,
        "category": file.category,
        "state": file.state,
        "size": file.size,
        "sha256": file.sha256,
        "why": file.why,
        "at": iso(file.at),
        "path": None if one.path is None else str(one.path),
    }


def files_table(kept: list[Kept], zone: ZoneInfo) -> Table:
    """A table of files, each with its size in bytes and the beginning of its hash."""
    rows = [
        [
            escape(one.file.name),
            one.file.state,
            "" if one.file.size is None else f"{one.file.size:,}",
            (one.file.sha256 or "")[:12],
            when(one.file.at, zone),
            escape(one.file.why),
        ]
        for one in kept
    ]
    return table(["file", "state", "bytes", "sha256", "at", "why"], rows)
