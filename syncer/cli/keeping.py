"""The commands that keep the store: backup, restore, recheck, forget, reread, links."""

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import NoReturn

from rich.markup import escape

from syncer.cli.acting import acting_store, bar, stopping
from syncer.cli.naming import order_name
from syncer.cli.opening import opened, store_url
from syncer.cli.printing import console, iso, print_json, table, when
from syncer.config import Config
from syncer.store import Address, Purpose, Store, StoreError
from syncer.telemetry import log
from syncer.wiring import engine_of

PATIENCE = 15.0  # seconds that `forget` waits for those who read what it has erased


def _with_a_store(arguments: argparse.Namespace) -> Config:
    """The configuration, whose database is there: opening one that isn't would make an empty one, and be no help."""
    config, _ = opened(arguments)
    if config.store.file is not None and not config.store.file.exists():
        raise StoreError(f"store {config.store.file}: there is no database yet — see that state_dir is right")
    return config


def backup(arguments: argparse.Namespace) -> int:
    """A copy of the store, whoever works with it meanwhile."""
    config = _with_a_store(arguments)
    began = time.monotonic()
    with _undone_at_the_end(), Store.open(store_url(config), exclusive=False) as store, bar() as progress:
        made = store.copy_to(
            arguments.file.absolute(),
            datetime.now(UTC),
            force=arguments.force,
            say=lambda done, total: progress.say("copying", done, total),
        )
    seconds = time.monotonic() - began
    if arguments.json:
        print_json({"file": str(made.file), "bytes": made.size, "seconds": round(seconds, 3)})
    else:
        print(f"{made.file}: {made.size / 1e6:.1f} MB, checked; to bring it back: syncer restore {made.file}")
    return 0


def restore(arguments: argparse.Namespace) -> int:
    """Puts a copy in the store's place, and moves what was there aside."""
    config, _ = opened(arguments)
    with _undone_at_the_end(), bar() as progress:
        moved = Store.bring_back(
            store_url(config), arguments.file, datetime.now(UTC), lambda done, all_: progress.say("copying", done, all_)
        )
    print(f"{arguments.file} is the store now; what is open in it is looked up before anything is done about it")
    for file in moved:
        print(f"what was there before: {file}")
    return 0


def recheck(arguments: argparse.Namespace) -> int:
    """After a database was brought back by other means."""
    config = _with_a_store(arguments)
    with Store.open(store_url(config)) as store:
        marked = store.recheck(datetime.now(UTC))
    print(f"{marked} open orders are looked up before anything is done about them")
    return 0


def forget(arguments: argparse.Namespace) -> int:
    """Erases personal data: of all orders that ended long enough ago, or of some that have ended."""
    config = _with_a_store(arguments)
    with Store.open(store_url(config), exclusive=False) as store:
        names = [order_name(store, text) for text in arguments.order]
        if None in names or not _ended(store, [name for name in names if name is not None]):
            return 2
        now = datetime.now(UTC)
        if names:
            erased = store.erase_these([name for name in names if name is not None], now)
        else:
            erased = store.erase(now - config.privacy.erase_after, now)
        clean = store.wipe(PATIENCE)
    log().info("store.erased", orders=erased)
    if arguments.json:
        print_json({"erased": erased, "clean": clean})
    else:
        print(f"the personal data of {erased} orders was erased")
    if not clean:
        print(
            "others read the database all the time, so that traces are left in its write-ahead log: try again when "
            "no backup or other reading command is under way",
            file=sys.stderr,
        )
    return 0 if clean else 1


def _ended(store: Store, names: list[str]) -> bool:
    """Whether all have ended; of those that haven't, it says so."""
    ended = True
    for name in names:
        found = store.load(name)
        if found is not None and found[0].ended_at is None:
            print(f"{name} is {found[0].state}: end it first, with `syncer cancel {name}`, say", file=sys.stderr)
            ended = False
    return ended


def links(arguments: argparse.Namespace) -> int:
    """The addresses of an order's page and files that others may hold: what each opens, and until when; or none more.

    The addresses themselves are kept nowhere.
    """
    config = _with_a_store(arguments)
    with Store.open(store_url(config), exclusive=False) as store:
        name = order_name(store, arguments.order)
        if name is None:
            return 2
        now = datetime.now(UTC)
        revoked = store.revoke(name, now) if arguments.revoke else 0
        found = store.addresses(name)
    if arguments.json:
        facts = [_facts(one) for one in found]
        print_json({"order": name, "revoked": revoked, "links": facts})
        return 0
    if arguments.revoke:
        print(f"{name}: {revoked} links were valid, and none is any more")
    elif not found:
        print(f"{name}: nobody was given a link")
    else:
        rows = [[escape(_opening(one)), when(one.made_at, config.timezone), _valid(one, now, config)] for one in found]
        console().print(table(["Opens", "Made", "Valid"], rows))
    return 0


def _facts(one: Address) -> dict[str, str | None]:
    times = {name: iso(getattr(one, name)) for name in ("made_at", "expires_at", "revoked_at")}
    return {"opens": one.purpose, "asset": one.asset} | times


def _opening(one: Address) -> str:
    return f"file {one.asset}" if one.purpose is Purpose.FILE else "page"


def _valid(one: Address, now: datetime, config: Config) -> str:
    if one.revoked_at is not None:
        return f"revoked {when(one.revoked_at, config.timezone)}"
    return f"{'until' if one.expires_at > now else 'ended'} {when(one.expires_at, config.timezone)}"


def reread(arguments: argparse.Namespace) -> int:
    """Has orders or portals read again."""
    config, redactor = opened(arguments)
    store, ours = acting_store(config)
    with store:
        named = [(text, text if text in config.portals else order_name(store, text)) for text in arguments.what]
        if any(name is None for _, name in named):
            return 2
        orders = [name for _, name in named if name is not None and name not in config.portals]
        _have_read(store, config, [name for _, name in named if name is not None])
        if ours and orders:
            engine = engine_of(config, store, redactor)
            with stopping(engine):
                engine.work_on(orders)
    then = "done" if ours and len(orders) == len(named) else "done by the running syncer, or in the next pass"
    print(f"{', '.join(text for text, _ in named)}: to be read again, {then}")
    return 0


def _have_read(store: Store, config: Config, names: list[str]) -> None:
    for name in names:
        if name in config.portals:
            store.reread(name)
        else:
            store.reread_order(name, datetime.now(UTC))


@contextmanager
def _undone_at_the_end() -> Iterator[None]:
    """SIGTERM ends as Ctrl-C does: what is half made is taken away."""

    def leave(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
