"""`syncer verify`: compares what is here with what the remotes and the disk say, and writes nothing anywhere."""

import argparse
import sys
from dataclasses import asdict, replace
from datetime import timedelta

from rich.markup import escape

from syncer.cli.acting import bar
from syncer.cli.opening import opened, reading_store
from syncer.cli.printing import console, print_json, table
from syncer.engine import Difference, Verdict
from syncer.engine import verify as compare
from syncer.orders import help_for
from syncer.wiring import parties_of, utc

ONCE, RUNNING = "syncer --once", "nothing: the running service sees to it"


def verify(arguments: argparse.Namespace) -> int:
    """Exit 1 where something differs, or a remote could not be asked."""
    config, redactor = opened(arguments)
    with reading_store(config) as store, bar() as progress:
        service = store.standing().service
        parties = replace(parties_of(config, store, redactor, help_for), say=progress.say)
        verdict = compare(parties, utc() - timedelta(days=arguments.days))
    running = service is not None and service.running
    verdict = replace(verdict, differences=tuple(_for(one, running=running) for one in verdict.differences))
    if arguments.json:
        print_json({"ok": verdict.ok, **asdict(verdict)})
    else:
        _print(verdict)
    return 0 if verdict.ok else 1


def _for(one: Difference, *, running: bool) -> Difference:
    """While the service runs there is no pass to be made by hand."""
    return replace(one, command=RUNNING) if running and one.command == ONCE else one


def _print(verdict: Verdict) -> None:
    out = console()
    rows = [
        [escape(one.order), escape(one.remote), escape(one.ours), escape(one.theirs), escape(one.command)]
        for one in verdict.differences
    ]
    if rows:
        out.print(table(["order", "remote", "here", "there", "what mends it"], rows))
    for remote in verdict.unasked:
        print(f"{remote.remote} could not be asked {remote.questions} questions: {remote.cause}", file=sys.stderr)
    colour = "green" if verdict.ok else "red"
    out.print(
        f"[{colour}]{len(verdict.differences)} differences[/] in {verdict.orders} orders, {verdict.questions} questions"
        + (f", {verdict.files} files" if verdict.files else "")
    )
