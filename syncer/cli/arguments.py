"""The words of the command line."""

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

EPILOG = """exit codes: 0 all well; 1 done, but something needs a look; 2 wrong usage, or no such order;
75 another syncer holds the store; 78 the configuration is wrong"""
STATES = ("new", "received", "active", "waiting", "delivered", "cancelled")  # the core's, whose import takes a while

RECIPIENT = {  # who gets what is ordered from KODE: the option, and what it is
    "name": "the name",
    "company-name": "the company",
    "email": "the e-mail address",
    "phone": "the telephone number",
    "alias": "the alias",
    "delivery-address": "the address",
    "address2": "the address's second line",
    "address3": "the address's third line",
    "postal-code": "the postal code",
}


def parse(argv: Sequence[str] | None) -> argparse.Namespace | None:
    """The arguments, with the function to run as `run`; None, after printing help, where nothing was asked for."""
    parser = words()
    arguments = parser.parse_args(argv)
    if arguments.once and arguments.command is not None:
        parser.error("--once is a command of its own: leave the other one out")
    if (arguments.dry_run or getattr(arguments, "json", False)) and not arguments.once and arguments.command is None:
        parser.error("--json and --dry-run go with --once")
    if arguments.once:
        arguments.run = _late("acting", "once")
    if not hasattr(arguments, "run"):
        parser.print_help(sys.stderr)
        return None
    return arguments


def _late(module: str, name: str) -> Callable[[argparse.Namespace], int]:
    """A command's function, imported when it is called."""

    def run(arguments: argparse.Namespace) -> int:
        function: Callable[[argparse.Namespace], int] = getattr(import_module(f"syncer.cli.{module}"), name)
        return function(arguments)

    return run


def words() -> argparse.ArgumentParser:
    """The parser, with every command."""
    parser = argparse.ArgumentParser(
        prog="syncer",
        description="Notices orders in portals, has each delivered, and tells the portal: nothing lost, nothing twice.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"syncer {_version()}")
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="else SYNCER_CONFIG, ./syncer.toml, /etc/syncer/syncer.toml"
    )
    parser.add_argument("--debug", action="store_true", help="log every call, whatever [log] level says")
    parser.add_argument(
        "--once", action="store_true", help="one pass now: poll every source, and work until nothing more can be done"
    )
    parser.add_argument("--json", action="store_true", help="with --once: the summary as JSON")
    parser.add_argument(
        "--dry-run", action="store_true", help="with --once: read everything, and print each write instead of making it"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _add_reading(commands)
    _add_acting(commands)
    _add_kode(commands)
    _add_keeping(commands)
    _add_playing(commands)
    return parser


def _version() -> str:
    if not {"--version"} & set(sys.argv):
        return ""
    from importlib.metadata import version

    return version("syncer")


def _command(commands: Any, name: str, module: str, text: str, *, json: bool = False) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    parser.add_argument("--config", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="the configuration")
    parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="log every call")
    if json:
        parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="for programs")
    parser.set_defaults(run=_late(module, name))
    return parser


def _add_reading(commands: Any) -> None:
    _command(commands, "check", "checking", "look over configuration, secrets, database and remotes", json=True)
    _command(commands, "status", "standing", "how things stand", json=True)
    orders = _command(commands, "orders", "reading", "list orders", json=True)
    orders.add_argument("--state", choices=STATES, help="only those in a state")
    orders.add_argument("--portal", help="only those of a portal")
    orders.add_argument("--parked", action="store_true", help="only those set aside for a person")
    orders.add_argument("--limit", type=_count(999_999_999), metavar="N", help="only the N newest")
    show = _command(
        commands, "show", "reading", "one order explained: history, calls, and what happens next", json=True
    )
    show.add_argument("order", metavar="ORDER", help="PORTAL:ID, or the ID where it is unique")
    files = _command(
        commands, "files", "filing", "an order's files: where they are, and what became of each", json=True
    )
    files.add_argument("order", metavar="ORDER", help="PORTAL:ID, or the ID where it is unique")
    files.add_argument(
        "--again", action="store_true", help="fetch those anew that are missing or were changed on the disk"
    )
    messages = _command(
        commands, "messages", "messages", "what portals say to all who use them, newest first", json=True
    )
    messages.add_argument("--limit", type=_count(999_999_999), metavar="N", help="only the N newest")
    verify = _command(
        commands, "verify", "verifying", "compare with what the remotes say, and change nothing anywhere", json=True
    )
    verify.add_argument(
        "--days",
        type=_count(36_500),
        default=7,
        metavar="N",
        help="also orders that ended in the last N days; default: 7",
    )
    log = _command(commands, "log", "logging", "what happened, oldest first", json=True)
    log.add_argument("order", metavar="ORDER", nargs="?", help="only this order")
    log.add_argument("--since", metavar="TIME", help="2026-11-01, 2026-11-01T08:00, or how long ago: 2h, 3d")
    log.add_argument("--follow", action="store_true", help="go on as more happens")
    log.add_argument("--failures", action="store_true", help="only what went wrong")


def _add_acting(commands: Any) -> None:
    _command(commands, "run", "running", "the service: passes on schedule until SIGTERM or SIGINT")
    retry = _command(commands, "retry", "acting", "unpark orders, and go on from where they stopped")
    retry.add_argument("order", metavar="ORDER", nargs="*")
    retry.add_argument("--all-parked", action="store_true", help="every parked order but the uncertain ones")
    resolve = _command(commands, "resolve", "acting", "say whether a call of unknown outcome took effect")
    resolve.add_argument("order", metavar="ORDER")
    resolve.add_argument("outcome", choices=["done", "not-done"])
    resolve.add_argument("--ref", help="the remote's number of what was done")
    for name, text in (
        ("deliver", "a person has finished the order: tell the portal"),
        ("cancel", "a person stops the order: withdraw it, and tell the portal"),
    ):
        _command(commands, name, "acting", text).add_argument("order", metavar="ORDER")


def _add_kode(commands: Any) -> None:
    kode = commands.add_parser("kode", help="ask and order in KODE", description="ask and order in KODE")
    deeds = kode.add_subparsers(dest="deed", metavar="COMMAND", title="commands", required=True)
    products = _command(deeds, "products", "kode", "what can be ordered in a municipality", json=True)
    products.add_argument("municipality", metavar="MUNICIPALITY", help="its four digits")
    watch = _command(deeds, "watch", "kode", "follow orders that were placed elsewhere", json=True)
    watch.add_argument("id", metavar="ID", nargs="+", help="the order's number in KODE")
    _add_order(_command(deeds, "order", "ordering", "order, once a price was shown and agreed to", json=True))
    for deed in deeds.choices.values():
        deed.add_argument("--portal", metavar="NAME", help="which, where several are KODE's")


def _add_order(order: argparse.ArgumentParser) -> None:
    order.add_argument("kind", choices=["cadastre", "share", "map"], help="what it is about")
    order.add_argument("--product", metavar="CODE", nargs="+", action="extend", default=[], help="what is ordered")
    order.add_argument("--reference", metavar="TEXT", default="", help="yours: the assignment's, and the invoice's")
    order.add_argument("--cadastre", metavar="NUMBERS", help="9999-12-34-0-0: all five, with hyphens")
    order.add_argument("--address", metavar="TEXT", help="the property's: STREET, POSTAL CODE PLACE")
    order.add_argument("--organization-number", metavar="N", help="the cooperative's, of a share")
    order.add_argument("--share-number", metavar="N", help="the share's")
    order.add_argument("--geometry", type=Path, metavar="FILE", help="a GeoJSON polygon, of a map")
    order.add_argument("--spatial-reference", metavar="N", help="25832 or 25833, of a map")
    order.add_argument(
        "--data", type=_pair, metavar="KEY=VALUE", nargs="+", action="extend", default=[], help="what products ask for"
    )
    for name, what in RECIPIENT.items():
        order.add_argument(f"--{name}", metavar="TEXT", help=f"{what} of who gets it")
    order.add_argument("--yes", action="store_true", help="don't ask: order at whatever it costs")
    order.add_argument("--again", action="store_true", help="though it isn't known whether the same was ordered before")


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text}: write KEY=VALUE, system=UTM say")
    return key, value


def _add_keeping(commands: Any) -> None:
    reread = _command(commands, "reread", "keeping", "read an order again, or a portal's list in depth")
    reread.add_argument("what", metavar="ORDER|PORTAL", nargs="+")
    backup = _command(commands, "backup", "keeping", "a consistent copy of a SQLite store in use", json=True)
    backup.add_argument("file", type=Path, metavar="FILE")
    backup.add_argument("--force", action="store_true", help="replace FILE where it is there already")
    restore = _command(commands, "restore", "keeping", "put a copy in the store's place; the service must be stopped")
    restore.add_argument("file", type=Path, metavar="FILE")
    _command(commands, "recheck", "keeping", "after a database was brought back: look up all that is open")
    forget = _command(commands, "forget", "keeping", "erase personal data past its retention now", json=True)
    forget.add_argument("order", metavar="ORDER", nargs="*", help="that of these ended orders, whatever its age")
    links = _command(commands, "links", "keeping", "an order's page and file addresses that others may hold", json=True)
    links.add_argument("order", metavar="ORDER")
    links.add_argument("--revoke", action="store_true", help="none of them opens anything any more")
    completion = _command(commands, "completion", "completing", "a script for the shell: completion on Tab")
    completion.add_argument(
        "shell", choices=["bash", "zsh", "orders", "portals"], help="or the names that the script asks for"
    )


def _add_playing(commands: Any) -> None:
    demo = _command(commands, "demo", "showing", "a day's orders and troubles against simulated remotes")
    demo.add_argument("--keep", type=Path, metavar="DIR", help="keep the store, the log and the journal in DIR")
    simulate = _command(commands, "simulate", "showing", "the simulated remotes alone, for trying a configuration")
    simulate.add_argument(
        "--port", type=_count(65_535), default=9000, metavar="N", help="default: 9000; 0: any free one"
    )
    simulate.add_argument("--empty", action="store_true", help="without orders: add them by POST /_control/call")


def _count(most: int) -> Callable[[str], int]:
    """A whole number from 0 to `most`."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or len(text) > 9 or int(text) > most:
            raise argparse.ArgumentTypeError(f"{text}: write a whole number from 0 to {most}")
        return int(text)

    return read
