"""The commands that act: --once, run, and an operator's words about an order."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from rich.markup import escape
from structlog.contextvars import bound_contextvars

from syncer.cli.naming import order_name
from syncer.cli.opening import opened, store_url
from syncer.cli.printing import console, print_json, table
from syncer.config import Config
from syncer.engine import Engine, Progress, Summary
from syncer.orders import (
    Begun,
    CancelledByHand,
    DeliveredByHand,
    Done,
    Given,
    Intent,
    IntentState,
    Kind,
    MessageLeft,
    NotDone,
    NotRegistered,
    Observation,
    Order,
    Park,
    Registered,
    Retried,
    Told,
    Withdrawn,
    help_for,
)
from syncer.store import Settled, Store, StoreBusy
from syncer.telemetry import Redactor
from syncer.wiring import engine_of

# --- --once ---------------------------------------------------------------------------------------------------


def once(arguments: argparse.Namespace) -> int:
    """One pass now."""
    config, redactor = opened(arguments)
    if arguments.dry_run:
        return _rehearse(config, redactor, arguments)
    warn(config)
    with Store.open(store_url(config)) as store, bar() as progress:
        engine = engine_of(config, store, redactor, progress=progress)
        with stopping(engine):
            summary = engine.run_pass(once=True)
            engine.erase(config.privacy.erase_after)
            parked = store.orders(parked=True)
            return _report(summary, parked, as_json=arguments.json)


def _rehearse(config: Config, redactor: Redactor, arguments: argparse.Namespace) -> int:
    """A pass over a copy of the store in memory, with every write printed instead of made."""
    planned: list[tuple[Order, Intent]] = []
    with _copy(config) as store, bar() as progress, bound_contextvars(dry_run=True):
        engine = engine_of(
            config, store, redactor, progress=progress, rehearse=lambda order, intent: planned.append((order, intent))
        )
        with stopping(engine):
            summary = engine.run_pass(once=True)
        parked = store.orders(parked=True)
    lines = [f"would {_in_words(order, intent)}" for order, intent in planned]
    if arguments.json:
        print_json(summary.as_json() | {"problems": list(summary.problems), "would": lines, "dry_run": True})
    else:
        for line in lines or ["would write nothing"]:
            print(line)
        _print_summary(summary, parked)
    return 1 if summary.problems or summary.parked else 0


def _copy(config: Config) -> Store:
    file = config.store.file
    if file is not None and not file.exists():
        return Store.open("sqlite://", exclusive=False)
    with Store.open(store_url(config), exclusive=False) as store:
        return store.copy_in_memory()


def _in_words(order: Order, intent: Intent) -> str:
    match intent.kind:
        case Kind.STATUS:
            return f"tell {intent.target} that {order.name} is {intent.payload['status']}"
        case Kind.MESSAGE:
            return f"write on {order.name} in {intent.target} ({intent.payload['type']}): {intent.payload['text']}"
        case Kind.REGISTER:
            return f"register {order.name} in {intent.target}"
        case Kind.SUBMIT:
            service = intent.payload.get("service")
            return f"have {intent.target} deliver {order.name}" + (f" as {service}" if service else "")
        case Kind.CANCEL:
            return f"have {intent.target} cancel {order.name}"
        case Kind.GIVE:
            return f"give {intent.target} part {intent.payload['n']} of the result of {order.name}"


def _report(summary: Summary, parked: list[Order], *, as_json: bool) -> int:
    with suppress(BrokenPipeError):  # the pass was made, whether or not somebody reads on
        if as_json:
            print_json(summary.as_json() | {"problems": list(summary.problems)})
        else:
            _print_summary(summary, parked)
        sys.stdout.flush()
    return 1 if summary.problems or summary.parked else 0


def _print_summary(summary: Summary, parked: list[Order]) -> None:
    out = console()
    columns = ["portal", "listed", "new", "changed", "unchanged", "unreadable"]
    rows = [
        [escape(name), *(str(getattr(one, column)) for column in columns[1:])] for name, one in summary.polled.items()
    ]
    out.print(table(columns, rows))
    out.print(
        f"{summary.advanced} orders advanced, {summary.parked} newly parked, "
        f"{summary.calls} calls, {summary.seconds:.1f} s"
    )
    for problem in summary.problems:
        out.print(f"[red]problem:[/] {escape(problem)}")
    if parked:
        shown = [[escape(order.name), escape(order.parked or ""), escape(help_for(order))] for order in parked[:20]]
        out.print(table(["parked", "because", "what helps"], shown))
        if len(parked) > len(shown):
            out.print(f"… and {len(parked) - len(shown)} more: syncer orders --parked")


def warn(config: Config) -> None:
    """What is odd in the configuration, and works."""
    for warning in config.warnings:
        print(f"warning: {warning}", file=sys.stderr)


@contextmanager
def bar() -> Iterator[Progress]:
    """A line that moves, on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield Progress()
        return
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    with Bar(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("beginning", total=None)

        def say(what: str, done: int, total: int) -> None:
            bar.update(task, description=f"{what} {done}/{total}")

        yield Progress(say)


@contextmanager
def stopping(engine: Engine) -> Iterator[None]:
    """SIGTERM and SIGINT end the pass after the calls under way."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        engine.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# --- an operator's words --------------------------------------------------------------------------------------


def retry(arguments: argparse.Namespace) -> int:
    """Unparks orders."""
    if bool(arguments.order) == arguments.all_parked:
        print("syncer retry: name the orders, or say --all-parked", file=sys.stderr)
        return 2

    def names_of(store: Store) -> list[str] | None:
        store.forgive()  # a remote that denied us is tried once more
        if arguments.all_parked:
            return store.parked_names()
        return _names(store, arguments.order)

    def speak(store: Store, engine: Engine, name: str) -> str | None:
        if _loaded(store, name)[0].park is None:
            return f"{name} is not parked: it goes on by itself"
        engine.hear(name, Retried())
        return None

    return _speak(arguments, names_of, speak)


def resolve(arguments: argparse.Namespace) -> int:
    """Settles a call of unknown outcome by a person's word."""

    def speak(store: Store, engine: Engine, name: str) -> str | None:
        _, intent = _loaded(store, name)
        if intent is None or intent.state not in {IntentState.UNCERTAIN, IntentState.ATTEMPTING}:
            return f"{name} has no call of unknown outcome: `syncer show {name}` tells what it has"
        if arguments.outcome == "not-done":
            settled = Settled(intent.key, IntentState.REJECTED, "an operator said: not done")
            engine.hear(name, NotRegistered() if intent.kind is Kind.REGISTER else NotDone(), settled)
        else:
            settled = Settled(intent.key, IntentState.DONE, "an operator said: done")
            engine.hear(name, _as_done(engine, intent, arguments.ref), settled)
        return None

    return _speak(arguments, lambda store: _names(store, [arguments.order]), speak)


def _as_done(engine: Engine, intent: Intent, ref: str | None) -> Observation:
    """What a call that took effect would have been observed as."""
    match intent.kind:
        case Kind.STATUS:
            return Told(intent.payload["status"])
        case Kind.MESSAGE:
            return MessageLeft()
        case Kind.CANCEL:
            return Withdrawn()
        case Kind.REGISTER:
            return Registered(intent.target, ref)
        case Kind.GIVE:
            return Given(left=True, what="by an operator's word")  # what is left is found out with the next one
        case Kind.SUBMIT:
            followed = intent.target in engine.room.followers and ref is not None
            return Begun(ref, "by an operator's word") if followed else Done(ref, "by an operator's word")


def deliver(arguments: argparse.Namespace) -> int:
    """A person finishes the order."""

    def speak(store: Store, engine: Engine, name: str) -> str | None:
        order, intent = _loaded(store, name)
        if order.final and order.park in {None, Park.UNCERTAIN}:
            return f"{name} is {order.state} already"
        settled = None
        if intent is not None and intent.kind is Kind.SUBMIT and intent.state is IntentState.UNCERTAIN:
            settled = Settled(intent.key, IntentState.DONE, "an operator said: delivered")
        engine.hear(name, DeliveredByHand(), settled)
        return None

    return _speak(arguments, lambda store: _names(store, [arguments.order]), speak)


def cancel(arguments: argparse.Namespace) -> int:
    """A person stops the order."""

    def speak(store: Store, engine: Engine, name: str) -> str | None:
        order, _ = _loaded(store, name)
        if order.park is Park.UNCERTAIN:
            return f"{name} has a call of unknown outcome: say first `syncer resolve {name} done` or `not-done`"
        if order.final and order.park is None:
            return f"{name} is {order.state} already"
        engine.hear(name, CancelledByHand())
        return None

    return _speak(arguments, lambda store: _names(store, [arguments.order]), speak)


def _speak(
    arguments: argparse.Namespace,
    names_of: Callable[[Store], list[str] | None],
    speak: Callable[[Store, Engine, str], str | None],
) -> int:
    """Takes an operator's word about some orders down, and acts on it at once, unless a running syncer will.

    `speak` returns why it can't be taken.
    """
    config, redactor = opened(arguments)
    store, ours = acting_store(config)
    with store:
        names = names_of(store)
        if names is None:
            return 2
        engine = engine_of(config, store, redactor)
        refused = {name: why for name in names if (why := speak(store, engine, name)) is not None}
        heard = [name for name in names if name not in refused]
        if ours:
            with stopping(engine):
                engine.work_on(heard)
        for why in refused.values():
            print(why, file=sys.stderr)
        for name in heard:
            _say_how_it_stands(store, name, ours=ours)
    return 2 if refused and arguments.command != "retry" else 0


def acting_store(config: Config) -> tuple[Store, bool]:
    """The store, and whether it is ours alone: else the syncer that has it acts on what is written down."""
    try:
        return Store.open(store_url(config)), True
    except StoreBusy:
        return Store.open(store_url(config), exclusive=False), False


def _say_how_it_stands(store: Store, name: str, *, ours: bool) -> None:
    order, intent = _loaded(store, name)
    line = f"{name}: {order.state}"
    if order.parked:
        line += f", parked: {order.parked}"
    elif not ours:
        line += "; written down, and the running syncer goes on with it"
    elif intent is not None or (order.final and order.portal_status != order.state):
        line += "; written down, and done in the next pass"
    elif order.portal_status is not None:
        line += f", and the portal says {order.portal_status}"
    print(line)


def _loaded(store: Store, name: str) -> tuple[Order, Intent | None]:
    found = store.load(name)
    assert found is not None, "the name was looked up before"
    return found


def _names(store: Store, texts: list[str]) -> list[str] | None:
    names = [order_name(store, text) for text in texts]
    return None if None in names else [name for name in names if name is not None]
