"""`syncer status`: whether the service runs, what waits, and what a person should do. It works while it runs."""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.markup import escape

from syncer.cli.opening import opened, reading_store
from syncer.cli.printing import age, console, iso, print_json, state, table, when
from syncer.config import Config
from syncer.orders import OPEN_INTENT, Park
from syncer.store import Happening, Oldest, Overview, RemoteHealth, Service, Standing

AWAITED = {"received": "not yet received", "active": "not yet active", "delivered": "not yet ended"}
HELP = {
    Park.UNCERTAIN: "see there whether it took effect, then syncer resolve ORDER done, or not-done",
    Park.ROUTE: "add a route, then syncer retry ORDER",
    Park.UNREADABLE: "it is read again by itself; syncer show ORDER has what came",
    Park.HELD: "it goes on when the portal is changed, or with syncer retry ORDER",
    Park.TAKEOVER: "syncer deliver ORDER, or syncer retry ORDER",
    Park.CANCEL: "stop it by hand, then syncer cancel ORDER",
    Park.FILES: "see why in syncer files ORDER, then syncer retry ORDER",
    Park.REGISTER: "see to it in the order system, then syncer retry ORDER",
    Park.AWAITED: "it goes on when that is done; or syncer deliver ORDER, or syncer cancel ORDER",
    Park.BUG: "send us the log around it, then syncer retry ORDER",
}


def status(arguments: argparse.Namespace) -> int:
    """How things stand."""
    config, _ = opened(arguments)
    with reading_store(config) as store:
        overview, standing = store.overview(), store.standing()
    now = datetime.now(UTC)
    if arguments.json:
        print_json(_as_json(config, overview, standing, now))
    else:
        _print(config, overview, standing, now)
    return 0


# --- for programs ---------------------------------------------------------------------------------------------


def _as_json(config: Config, overview: Overview, standing: Standing, now: datetime) -> dict[str, Any]:
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
        "uncertain": standing.uncertain,
        "last_pass": overview.last_pass,
        "open_calls": {state: standing.calls.get(state, 0) for state in sorted(OPEN_INTENT)},
        "service": _service(standing.service),
        "next_poll": {name: iso(_next_poll(config, overview, standing, name)) for name in config.portals},
        "oldest": {f"not_yet_{name}": _oldest(found, now) for name, found in standing.oldest.items()},
        "parked_because": [
            {"reason": one.park, "count": one.count, "orders": list(one.orders), "help": _help(one.park)}
            for one in standing.reasons
        ],
        "last_erasure": _happened(standing.erased),
        "last_backup": _happened(standing.copied),
    }


def _health(health: RemoteHealth | None) -> dict[str, Any]:
    if health is None:
        return {"up": None, "since": None}
    return {"up": health.up, "since": iso(health.since)} | ({} if health.up else {"cause": health.cause})


def _service(service: Service | None) -> dict[str, Any]:
    if service is None:
        return {"running": False, "since": None}
    return {"running": service.running, "since": iso(service.since), "host": service.host, "pid": service.pid}


def _oldest(found: Oldest | None, now: datetime) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"order": found.order, "since": iso(found.since), "seconds": round((now - found.since).total_seconds())}


def _happened(found: Happening | None) -> dict[str, Any] | None:
    return None if found is None else {"at": iso(found.at), **found.facts}


def _next_poll(config: Config, overview: Overview, standing: Standing, name: str) -> datetime | None:
    """When the running service polls a portal next, as far as can be told."""
    cursor, health = overview.cursors.get(name), overview.remotes.get(name)
    if standing.service is None or not standing.service.running or cursor is None or cursor.last_poll_at is None:
        return None
    at = cursor.last_poll_at + config.portals[name].poll_every
    return max(at, health.not_before) if health is not None and health.not_before is not None else at


def _help(park: Park) -> str:
    return HELP.get(park, "see to the cause, then syncer retry ORDER")


# --- for people -----------------------------------------------------------------------------------------------


def _print(config: Config, overview: Overview, standing: Standing, now: datetime) -> None:
    out, zone = console(), config.timezone
    out.print(_service_line(config, standing.service, now))
    last = overview.last_pass
    if last is None:
        out.print("No pass yet: run [bold]syncer --once[/], or start the service.")
    else:
        at = datetime.fromisoformat(last["at"])
        out.print(
            f"Last pass {when(at, zone)} ({age(now - at)} ago), {last['seconds']} s: {last['ingested']} ingested, "
            f"{last['advanced']} advanced, {last['parked']} newly parked, {last['calls']} calls"
        )
    _print_remotes(out, config, overview, standing, now)
    states = [[state(name), str(count)] for name, count in sorted(overview.states.items())]
    out.print(table(["state", "orders"], states))
    waiting = [
        [AWAITED[name], escape(found.order), f"{age(now - found.since)}"]
        for name, found in standing.oldest.items()
        if found is not None
    ]
    if waiting:
        out.print(table(["the oldest", "order", "for"], waiting))
    _print_parked(out, overview, standing)
    for line in _kept(config, standing, now):
        out.print(line)


def _service_line(config: Config, service: Service | None, now: datetime) -> str:
    if service is None or (not service.running and service.pid == 0):
        return "[bright_black]The service has never run with this database.[/]"
    at = when(service.since, config.timezone)
    if service.running:
        where = f"process {service.pid} on {escape(service.host)}"
        return f"[green]The service runs[/] since {at} ({age(now - service.since)}), {where}"
    return f"[yellow]The service doesn't run[/]; it was last started or stopped {at} ({age(now - service.since)} ago)"


def _print_remotes(out: Console, config: Config, overview: Overview, standing: Standing, now: datetime) -> None:
    zone, rows = config.timezone, []
    for name in (*config.portals, *config.fulfilments):
        cursor, health = overview.cursors.get(name), overview.remotes.get(name)
        read = "" if cursor is None else f"{cursor.position or ''}, read {when(cursor.last_poll_at, zone)}"
        following = _next_poll(config, overview, standing, name) if name in config.portals else None
        since = "" if health is None else f"{when(health.since, zone)} ({age(now - health.since)})"
        then = "" if following is None else when(following, zone)[-8:]
        rows.append([escape(name), _up(health), since, read, then, _why(health)])
    out.print(table(["remote", "", "since", "cursor", "next poll", ""], rows))


def _print_parked(out: Console, overview: Overview, standing: Standing) -> None:
    colour = "red" if overview.parked or standing.uncertain else "green"
    still = sum(standing.calls.values()) - standing.uncertain
    out.print(
        f"[{colour}]{overview.parked} parked, {standing.uncertain} calls of unknown outcome[/]"
        + (f", {still} under way or to be made" if still else "")
        + (": see [bold]syncer orders --parked[/]" if overview.parked else "")
    )
    rows = [
        [
            one.park,
            str(one.count),
            escape(", ".join(one.orders)) + (" …" if one.count > len(one.orders) else ""),
            _help(one.park),
        ]
        for one in standing.reasons
    ]
    if rows:
        out.print(table(["parked", "", "orders", "what helps"], rows))


def _kept(config: Config, standing: Standing, now: datetime) -> Iterator[str]:
    """When people were last erased, and when a copy was made."""
    erased, copied = standing.erased, standing.copied
    if erased is None:
        yield "Personal data: never erased yet"
    else:
        yield f"Personal data: {escape(erased.text)}, {when(erased.at, config.timezone)} ({age(now - erased.at)} ago)"
    if config.store.file is None:
        return
    if copied is None:
        yield "Backup: never made by [bold]syncer backup FILE[/]"
    else:
        old = now - copied.at > timedelta(days=7)
        text = f"Backup: {escape(copied.text)}, {when(copied.at, config.timezone)} ({age(now - copied.at)} ago)"
        yield f"[yellow]{text}[/]" if old else text


def _up(health: RemoteHealth | None) -> str:
    if health is None:
        return "[bright_black]never called[/]"
    return "[green]up[/]" if health.up else "[red]down[/]"


def _why(health: RemoteHealth | None) -> str:
    return escape(health.cause or "") if health is not None and not health.up else ""
