"""The reading commands about orders: orders, show. They work while another syncer holds the store."""

import argparse
import sys
from datetime import UTC, datetime
from typing import Any

from rich.markup import escape

from syncer.cli.filing import Kept, file_json, files_of, files_table
from syncer.cli.naming import order_name
from syncer.cli.opening import opened, reading_store
from syncer.cli.printing import console, iso, print_json, state, table, when
from syncer.config import Config
from syncer.orders import Act, Intent, Next, Order, help_for, upcoming
from syncer.store import Explained

# --- orders ---------------------------------------------------------------------------------------------------


def orders(arguments: argparse.Namespace) -> int:
    """A table of orders."""
    config, _ = opened(arguments)
    with reading_store(config) as store:
        found = store.orders(
            state=arguments.state, portal=arguments.portal, parked=arguments.parked, limit=arguments.limit
        )
    if not found and arguments.portal not in {None, *config.portals}:
        print(f"there is no portal {arguments.portal}: there is {', '.join(config.portals)}", file=sys.stderr)
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
        kept = [] if found is None else files_of(config, store, found.order)
    if found is None:
        return 2
    if arguments.json:
        print_json(_show_json(config, found, kept))
    else:
        _print_order(config, found, kept)
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


def _show_json(config: Config, found: Explained, kept: list[Kept]) -> dict[str, Any]:
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
        "files": [file_json(one) for one in kept],
    }


def _print_order(config: Config, found: Explained, kept: list[Kept]) -> None:
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
    if kept:
        out.print(files_table(kept, zone))
    lines = [[when(line.at, zone), escape(line.event), escape(line.text)] for line in found.history]
    out.print(table(["history", "", ""], lines))
