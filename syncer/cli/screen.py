"""What `syncer demo` shows: on a terminal with colours and a moving line, elsewhere as plain text.

Only words and tables: nothing is run and nothing is judged in here.
"""

import json
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from syncer.cli.printing import STATE_COLOURS, console
from syncer.simulators.archive import Filed
from syncer.simulators.day import Hour
from syncer.simulators.host import Entry, Host
from syncer.simulators.judging import Judgement, Verdict
from syncer.simulators.ledger import Billed

Orders = Sequence[Mapping[str, Any]]
MOST_NUMBERS = 8
NARROW = 110
TOLD = len("received active delivered")


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of the program: its words, exit code, standard output and seconds."""

    words: tuple[str, ...]
    code: int
    out: str
    seconds: float


class Screen:
    """The demo's screen."""

    def __init__(self) -> None:
        self._out = console()

    def begin(self) -> None:
        """What is about to be seen."""
        remotes = "A portal, two city networks, a courier, KODE, Vitec and GKS4 are pretended, on this machine."
        program = "The program is the real one, begun anew for each pass; a pass stands for an hour."
        self._out.print(f"[bold]A day with syncer.[/] {remotes} {program}")

    def hour(self, hour: Hour) -> None:
        """A heading, and what has happened."""
        self._out.print()
        title = f"[bold cyan]{hour.clock}[/]  [bold]{escape(hour.title)}[/]"
        if self._out.is_terminal:
            self._out.print(Rule(title, align="left", style="bright_black"))
        else:
            self._out.print(title)
        self._say(escape(hour.story), 2)

    def busy(self, what: str, host: Host) -> AbstractContextManager[object]:
        """A line that moves while something runs, on a terminal."""
        if not self._out.is_terminal:
            return nullcontext()
        return self._out.status(_Moving(what, host), spinner="dots")

    def word(self, ran: Ran) -> None:
        """An operator's command, and its answer."""
        self._command(ran)
        for line in ran.out.splitlines():
            self._say(escape(line))

    def one_pass(self, ran: Ran, before: Orders, after: Orders) -> None:
        """What a pass did, by its own words and by how the orders stand now."""
        self._command(ran)
        if ran.out:
            summary = json.loads(ran.out)
            self._say(_summary(summary))
            for problem in summary["problems"]:
                self._say(f"[yellow]problem[/] {escape(problem)}")
        else:
            self._say("[red]killed[/] with SIGKILL, in the middle of its calls")
        self.stand(before, after)

    def service(self) -> None:
        """The program runs as a service now."""
        self._out.print("  [bright_black]$[/] [bold]syncer run[/]  [bright_black]until the agent has gone[/]")

    def seen(self, what: str) -> None:
        """Something that the agent did at the service's page, and saw there."""
        self._say(escape(what))

    def stand(self, before: Orders, after: Orders) -> None:
        """How the orders stand now."""
        for line in _news(before, after):
            self._say(line)

    def look_on(self) -> None:
        """A heading over what a person looks at in the end."""
        self._out.print()
        self._title("One order of KODE's, from its beginning to its end")

    def _title(self, text: str) -> None:
        title = f"[bold]{text}[/]"
        self._out.print(Rule(title, align="left", style="bright_black") if self._out.is_terminal else title)

    def _command(self, ran: Ran) -> None:
        words = " ".join(word for word in ran.words if word != "--json")
        how = "killed" if ran.code < 0 else f"exit {ran.code}"
        self._out.print(
            f"  [bright_black]$[/] [bold]syncer {escape(words)}[/]  [bright_black]{how}, {ran.seconds:.1f} s[/]"
        )

    def _say(self, markup: str, indent: int = 4) -> None:
        """A paragraph as wide as the terminal; elsewhere a line, however long."""
        if self._out.is_terminal:
            self._out.print(Padding.indent(Text.from_markup(markup), indent))
        else:
            self._out.print(" " * indent + markup, soft_wrap=True)

    def trouble(self, text: str) -> None:
        """The demo itself could not go on."""
        self._out.print(f"[red]{escape(text)}[/]")

    def judgement(self, judgement: Judgement, journal: Sequence[Entry]) -> None:
        """What came of each order, whether all agree, and where they don't."""
        self._out.print()
        self._title("What came of each order")
        self._out.print(_outcomes(judgement.verdicts, narrow=self._out.width < NARROW))
        if judgement.filed:
            self._out.print()
            self._title("And of the files in KODE")
            self._out.print(_filed(judgement.filed))
        if judgement.billed:
            self._out.print()
            self._title("And of what was billed in GKS4")
            self._out.print(_billed(judgement.billed))
        self._out.print()
        for line in _conclusion(judgement, journal):
            self._out.print(line)

    def kept(self, folder: Path, secrets: Mapping[str, str]) -> None:
        """Where to look on."""
        self._out.print(f"\nKept in {escape(str(folder))}: the store, the configuration, the log and the journal.")
        for line in export_lines(secrets):
            self._out.print(f"  {escape(line)}", soft_wrap=True)
        file = shlex.quote(str(folder / "demo.toml"))
        self._out.print(f"  syncer --config {escape(file)} orders", soft_wrap=True)


class _Moving:
    """The text beside the spinner, counted anew each time that it is drawn."""

    def __init__(self, what: str, host: Host) -> None:
        self._what = what
        self._host = host
        self._began = len(host.journal)

    def __rich__(self) -> Text:
        return Text(f"{self._what}: {len(self._host.journal) - self._began} requests", style="bright_black")


def export_lines(secrets: Mapping[str, str]) -> Iterator[str]:
    """Shell lines that set the demo's secrets, and find this syncer where the shell doesn't."""
    for name, text in secrets.items():
        yield f"export {name}={shlex.quote(text)}"
    here = Path(sys.executable).parent
    found = shutil.which("python3")
    if found is None or Path(found).parent != here:
        yield f'export PATH={shlex.quote(str(here))}:"$PATH"'


# --- a pass ---------------------------------------------------------------------------------------------------


def _summary(summary: Mapping[str, Any]) -> str:
    if not summary["polled"]:
        listed = "nothing listed"
    else:
        kinds = [f"{summary[kind]} {kind}" for kind in ("new", "changed", "unchanged", "unreadable") if summary[kind]]
        listed = f"{summary['listed']} listed: {', '.join(kinds) or 'none'}"
    return f"{listed}; {summary['advanced']} moved on, {summary['parked']} set aside; {summary['calls']} calls"


def _news(before: Orders, after: Orders) -> Iterator[str]:
    """What is new: orders that ended, orders set aside or taken up again, and how many stand where."""
    old = {order["order"]: order for order in before}
    for state in ("delivered", "cancelled"):
        ended = [o for o in after if o["state"] == state and old.get(o["order"], {}).get("state") != state]
        if ended:
            yield f"[{STATE_COLOURS[state]}]{state}[/] {_numbers(ended)}"
    for order in sorted(after, key=_number):
        was = old.get(order["order"], {}).get("parked")
        if order["parked"] and order["parked"] != was:
            yield f"[red]set aside[/] {_number(order)}: {escape(order['parked'])}"
        elif was and not order["parked"] and order["state"] not in {"delivered", "cancelled"}:
            yield f"[green]goes on[/] {_number(order)}"
    states = Counter(order["state"] for order in after)
    parked = sum(order["parked"] is not None for order in after)
    stand = ", ".join(f"{states[state]} {state}" for state in STATE_COLOURS if states[state])
    yield f"[bright_black]now {stand}; {parked} set aside[/]"


def _number(order: Mapping[str, Any]) -> str:
    """The portal's number, which is enough here: KODE's are others. A row without one has a name of our own."""
    return escape(str(order["external_id"]))


def _numbers(orders: Orders) -> str:
    shown = " ".join(sorted(_number(order) for order in orders)[:MOST_NUMBERS])
    more = len(orders) - MOST_NUMBERS
    return shown + (f" and {more} more" if more > 0 else "")


# --- the end --------------------------------------------------------------------------------------------------


def _outcomes(verdicts: Sequence[Verdict], *, narrow: bool) -> Table:
    """A row to each order. Where the screen is narrow, the reason stands below what the order was."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    made.add_column("")
    made.add_column("order", no_wrap=True)
    made.add_column("what it was")
    made.add_column("the portal was told", min_width=TOLD, max_width=TOLD if narrow else None)
    made.add_column("messages", justify="right")
    made.add_column("begun", justify="right")
    if not narrow:
        made.add_column("set aside because")
    for verdict in verdicts:
        made.add_row(*_outcome(verdict, narrow=narrow))
    return made


def _outcome(verdict: Verdict, *, narrow: bool) -> tuple[str, ...]:
    told = " ".join(f"[{STATE_COLOURS[status]}]{status}[/]" for status in verdict.written)
    kind, why = escape(verdict.case.plot.kind), escape(verdict.parked or "")
    if narrow and why:
        kind += f"\n[bright_black]{why}[/]"
    return (
        _mark(verdict.complaints),
        verdict.case.number,
        kind,
        told or "[bright_black]nothing[/]",
        str(verdict.messages or ""),
        str(verdict.begun or ""),
        *([] if narrow else [why]),
    )


def _filed(verdicts: Sequence[Filed]) -> Table:
    """A row to each of KODE's orders."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    made.add_column("")
    made.add_column("order", no_wrap=True)
    made.add_column("what it was")
    made.add_column("KODE says")
    made.add_column("files kept", justify="right")
    made.add_column("removed", justify="right")
    made.add_column("set aside because")
    for verdict in verdicts:
        figures = [str(number or "") for number in (verdict.kept, verdict.removed)]
        words = escape(verdict.kind), verdict.status, *figures, escape(verdict.parked or "")
        made.add_row(_mark(verdict.complaints), verdict.order, *words)
    return made


def _billed(verdicts: Sequence[Billed]) -> Table:
    """A row to each order that is billed."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "order", "what it was", "sales order", "in KODE"):
        made.add_column(name, no_wrap=name == "order")
    made.add_column("files saved", justify="right")
    made.add_column("notes", justify="right")
    for one in verdicts:
        figures = [str(number or "") for number in (one.saved, one.notes)]
        words = escape(one.kind), " ".join(one.sales_orders), " ".join(one.placed)
        made.add_row(_mark(one.complaints), escape(one.order), *words, *figures)
    return made


def _mark(complaints: Sequence[str]) -> str:
    return "[bold red]✗[/]" if complaints else "[green]✓[/]"


def _conclusion(judgement: Judgement, journal: Sequence[Entry]) -> Iterator[str]:
    wrong = [verdict for verdict in judgement.verdicts if verdict.complaints]
    for verdict in wrong:
        for complaint in verdict.complaints:
            yield f"[red]✗ {verdict.case.number}[/] ({escape(verdict.case.plot.kind)}): {escape(complaint)}"
    for filed in judgement.filed:
        for complaint in filed.complaints:
            yield f"[red]✗ {filed.order}[/] ({escape(filed.kind)}): {escape(complaint)}"
    for billed in judgement.billed:
        for complaint in billed.complaints:
            yield f"[red]✗ {escape(billed.order)}[/] ({escape(billed.kind)}): {escape(complaint)}"
    for stray in judgement.strays:
        yield f"[red]✗[/] {escape(stray)}"
    right = len(judgement.verdicts) - len(wrong)
    colour = "green" if judgement.ok else "red"
    yield f"[bold {colour}]{right} of {len(judgement.verdicts)} orders are as they should be[/]: {_effects(journal)}."
    if judgement.filed:
        kept, removed = (sum(getattr(one, name) for one in judgement.filed) for name in ("kept", "removed"))
        yield f"Of {len(judgement.filed)} orders in KODE {kept} files are kept, {removed} were removed again."
    if judgement.ok:
        yield "Program, portals and networks agree: nothing was lost, and nothing done twice."


def _effects(journal: Sequence[Entry]) -> str:
    made = Counter(entry.effect["what"] for entry in journal if entry.effect is not None)
    words = {"status": "statuses", "message": "messages", "activate": "activations", "parcel": "parcels"}
    words |= {"order": "orders in KODE", "download": "downloads", "sales_order": "sales orders", "note": "notes"}
    struck = sum(entry.fault is not None for entry in journal)
    done = ", ".join(f"{made[what]} {word}" for what, word in words.items())
    return f"{done} in {len(journal)} requests, {struck} of them struck by a fault"
