"""The files of orders, as people and programs see them: `syncer files`, and a part of `show`."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.markup import escape
from rich.table import Table

from syncer.cli.naming import order_name
from syncer.cli.opening import opened, reading_store
from syncer.cli.printing import console, iso, print_json, table, when
from syncer.config import Config
from syncer.files import folder_of
from syncer.orders import File, FileState, Order
from syncer.store import Store


@dataclass(frozen=True, slots=True)
class Kept:
    """One file, the order that it hangs on, and where it is, if it is kept."""

    order: str
    file: File
    path: Path | None


def files(arguments: argparse.Namespace) -> int:
    """An order's files."""
    config, _ = opened(arguments)
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


def files_of(config: Config, store: Store, order: Order) -> list[Kept]:
    """An order's own files, and those of the order that was placed for it in another portal."""
    placed = getattr(config.fulfilments.get(order.fulfilment or ""), "portal", None)
    names = [order.name] + ([f"{placed}:{order.fulfilment_ref}"] if placed and order.fulfilment_ref else [])
    return [Kept(name, file, _path(config, name, file)) for name in names for file in store.files(name)]


def _path(config: Config, name: str, file: File) -> Path | None:
    root: Path | None = getattr(config.portals.get(name.partition(":")[0]), "files_dir", None)
    return None if root is None or file.state is not FileState.KEPT else root / folder_of(name) / file.name


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
