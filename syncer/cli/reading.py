"""The reading commands: status, orders, show, log. They work while another syncer holds the store."""

import argparse
import re
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.markup import escape

from syncer.cli.naming import order_name
from syncer.cli.opening import opened, reading_store
from syncer.cli.printing import console, iso, print_json, print_line, state, table, when
from syncer.config import Config
from syncer.orders import Act, Intent, Next, Order, help_for, upcoming
from syncer.store import Entry, Explained, Overview, RemoteHealth, Store

FOLLOW_EVERY = 1.0
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


# --- status ---------------------------------------------------------------------------------------------------


def status(arguments: argparse.Namespace) -> int:
    """How things stand."""
    config, _ = opened(arguments)
    with reading_store(config) as store:
        overview = store.overview()
    if arguments.json:
        print_json(_status_json(config, overview))
        return 0
    _print_status(config, overview)
    return 0


def _status_json(config: Config, overview: Overview) -> dict[str, Any]:
    portals = {}
    for name in config.portals:
        cursor = overview.cursors.get(name)
        portals[name] = {
            "cursor": cursor.position if cursor else None,
            "last_poll_at": iso(cursor.last_poll_at) if cursor else None,
            **_health(overview.remotes.get(name)),
        }
    return {
        "portals": portals,
        "fulfilments": {name: _health(overview.remotes.get(name)) for name in config.fulfilments},
        "states": overview.states,
        "parked": overview.parked,
        "uncertain": overview.uncertain,
        "last_pass": overview.last_pass,
    }


def _health(health: RemoteHealth | None) -> dict[str, Any]:
    if health is None:
        return {"up": None, "since": None}
    return {"up": health.up, "since": iso(health.since)} | ({} if health.up else {"cause": health.cause})


def _print_status(config: Config, overview: Overview) -> None:
    out, zone = console(), config.timezone
    last = overview.last_pass
    if last is None:
        out.print("No pass yet: run [bold]syncer --once[/], or start the service.")
    else:
        at = when(datetime.fromisoformat(last["at"]), zone)
        out.print(
            f"Last pass {at}, {last['seconds']} s: {last['ingested']} ingested, {last['advanced']} advanced, "
            f"{last['parked']} newly parked, {last['calls']} calls"
        )
    rows = []
    for name in (*config.portals, *config.fulfilments):
        cursor, health = overview.cursors.get(name), overview.remotes.get(name)
        read = "" if cursor is None else f"{cursor.position or ''}, read {when(cursor.last_poll_at, zone)}"
        rows.append([escape(name), _up(health), "" if health is None else when(health.since, zone), read, _why(health)])
    out.print(table(["remote", "", "since", "cursor", ""], rows))
    out.print(
        table(["state", "orders"], [[state(name), str(count)] for name, count in sorted(overview.states.items())])
    )
    colour = "red" if overview.parked or overview.uncertain else "green"
    out.print(
        f"[{colour}]{overview.parked} parked, {overview.uncertain} calls of unknown outcome[/]"
        + (": see [bold]syncer orders --parked[/]" if overview.parked else "")
    )


def _up(health: RemoteHealth | None) -> str:
    if health is None:
        return "[bright_black]never called[/]"
    return "[green]up[/]" if health.up else "[red]down[/]"


def _why(health: RemoteHealth | None) -> str:
    return escape(health.cause or "") if health is not None and not health.up else ""


# --- orders ---------------------------------------------------------------------------------------------------


def orders(arguments: argparse.Namespace) -> int:
    """A table of orders."""
    config, _ = opened(arguments)
    with reading_store(config) as store:
        found = store.orders(
            state=arguments.state, portal=arguments.portal, parked=arguments.parked, limit=arguments.limit
        )
    if arguments.json:
        print_json([order_json(order) for order in found])
        return 0
    zone = config.timezone
    rows = [
        [
            escape(order.name),
            escape(order.service),
            state(order.state),
            "" if order.portal_status == order.state else state(order.portal_status),
            escape(order.fulfilment or ""),
            escape(order.fulfilment_ref or ""),
            when(order.updated_at, zone),
            f"[red]{escape(order.parked)}[/]" if order.parked else "",
        ]
        for order in found
    ]
    console().print(table(["order", "service", "state", "portal says", "by", "ref", "updated", "parked"], rows))
    return 0


def order_json(order: Order) -> dict[str, Any]:
    """An order as programs see it, without what the portal said of people."""
    return {
        "order": order.name,
        "portal": order.portal,
        "external_id": order.external_id,
        "service": order.service,
        "state": order.state,
        "portal_status": order.portal_status,
        "parked": order.parked,
        "fulfilment": order.fulfilment,
        "fulfilment_ref": order.fulfilment_ref,
        "created_at": iso(order.created_at),
        "updated_at": iso(order.updated_at),
    }


# --- show -----------------------------------------------------------------------------------------------------


def show(arguments: argparse.Namespace) -> int:
    """One order explained."""
    config, _ = opened(arguments)
    with reading_store(config) as store:
        name = order_name(store, arguments.order)
        found = None if name is None else store.explain(name)
    if found is None:
        return 2
    if arguments.json:
        print_json(_show_json(config, found))
    else:
        _print_order(config, found)
    return 0


def next_of(config: Config, order: Order, intent: Intent | None) -> Next:
    """What happens next, by the configured rules."""
    from syncer.wiring import rules_of  # with every remote's client, which the other reading commands do without

    return upcoming(order, intent, datetime.now(UTC), rules_of(config))


def _next_json(config: Config, found: Explained) -> dict[str, Any] | None:
    step = next_of(config, found.order, found.open_intent)
    if step.act is Act.NOTHING:
        return None
    why = step.why + (f" — {help_for(found.order)}" if step.act is Act.PERSON else "")
    return {"action": step.act, "at": iso(step.at), "why": why}


def _show_json(config: Config, found: Explained) -> dict[str, Any]:
    return {
        **order_json(found.order),
        "next": _next_json(config, found),
        "details": {**found.order.details, **({"raw": found.raw} if found.raw else {})},
        "history": [{"at": iso(line.at), "event": line.event, "text": line.text} for line in found.history],
        "intents": [
            {
                "key": intent.key,
                "kind": intent.kind,
                "target": intent.target,
                "state": intent.state,
                "attempts": intent.attempts,
                "outcome": intent.outcome,
                "at": iso(intent.at),
            }
            for intent in found.intents
        ],
        "files": [],
    }


def _print_order(config: Config, found: Explained) -> None:
    out, zone, order = console(), config.timezone, found.order
    out.print(f"[bold]{escape(order.name)}[/]  {state(order.state)}  (the portal says {state(order.portal_status)})")
    if order.parked:
        out.print(f"[red]parked: {escape(order.parked)}[/]")
    step = _next_json(config, found)
    if step is not None:
        at = next_of(config, order, found.open_intent).at
        out.print(f"next: [bold]{step['action']}[/] {when(at, zone)} {escape(step['why'])}")
    rows = [
        [escape(section), escape(str(name)), escape(str(value))]
        for section, fields in order.details.items()
        for name, value in fields.items()
    ]
    out.print(table(["details", "", ""], rows))
    calls = [
        [escape(i.key), i.kind, escape(i.target), i.state, str(i.attempts), when(i.at, zone), escape(i.outcome or "")]
        for i in found.intents
    ]
    out.print(table(["intent", "kind", "target", "state", "tries", "at", "outcome"], calls))
    lines = [[when(line.at, zone), escape(line.event), escape(line.text)] for line in found.history]
    out.print(table(["history", "", ""], lines))


# --- log ------------------------------------------------------------------------------------------------------


def log(arguments: argparse.Namespace) -> int:
    """The history across orders."""
    config, _ = opened(arguments)
    try:
        since = None if arguments.since is None else _since(arguments.since, config)
    except (ValueError, OverflowError):
        print(f"syncer log: --since {arguments.since}: write 2026-11-01, 2026-11-01T08:00, or 2h", file=sys.stderr)
        return 2
    with reading_store(config) as store:
        name = None
        if arguments.order is not None:
            name = order_name(store, arguments.order)
            if name is None:
                return 2
        last = _print_log(store, config, arguments, name, since, 0)
        while arguments.follow:
            time.sleep(FOLLOW_EVERY)
            last = _print_log(store, config, arguments, name, since, last)
    return 0


def _print_log(
    store: Store, config: Config, arguments: argparse.Namespace, name: str | None, since: datetime | None, after: int
) -> int:
    for entry in store.history(order=name, since=since, failures=arguments.failures, after=after):
        after = entry.id
        if arguments.json:
            print_line({"at": iso(entry.at), "order": entry.order, "event": entry.event, "text": entry.text})
        else:
            print(_line(entry, config), flush=True)
    return after


def _line(entry: Entry, config: Config) -> str:
    return f"{when(entry.at, config.timezone)}  {entry.order:<24} {entry.event:<22} {entry.text}"


def _since(text: str, config: Config) -> datetime:
    """A time out of a date, a date and time on the portals' clock, or how long ago; ValueError where it is none."""
    ago = re.fullmatch(r"(\d+)([smhd])", text)
    if ago is not None:
        return datetime.now(UTC) - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo is not None else at.replace(tzinfo=config.timezone)).astimezone(UTC)
