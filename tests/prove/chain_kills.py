"""Kills the real program in the middle of the chain: agents' orders from the page to the picture, and others' bills.

`python -m tests.prove.chain_kills --kills 300` runs it. The agent comes over HTTP to the pages that the program serves,
and comes again where it was gone. A person answers for what is uncertain, by what the remotes have; the sentence that
the order is parked with must say what to look for. What was done to an order is the checker's to say, by the journal.
"""

import argparse
import json
import re
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from http.client import HTTPException
from io import StringIO
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from syncer import cli
from tests.prove import kills
from tests.prove.chain_checker import OPERATIONS, Verdict, judge
from tests.prove.chain_configured import (
    FORM,
)
from tests.prove.chain_town import configure, remotes
from tests.prove.kills import PATIENCE, Kill, StoppedError
from tests.web.asking import ask
from tests.web.visiting import Agent, link

FATES = ("agent",) * 6 + ("billed", "placed", "direct")
WRITES = frozenset({"set_status", *(operation for _, operation in OPERATIONS)})
LOST_ANSWERS = ("reset_after", "error_after", "timeout_after", "html_after", "truncated")
NEVER_THERE = ("reset_before", "error_before", "refuse")
READS = ("order.list", "order.token", "office.list", "user.list", "customers.search", "token", "orders.get")
MORE: Mapping[str, dict[str, object]] = {"timeout_after": {"seconds": 2}}
WORLD_OF = 25  # kills of one world
SPEAK = "import json, sys; from syncer import cli; [cli.main(words) for words in json.loads(sys.argv[1])]"
SAYING = threading.Lock()  # the worlds' commands are said by several threads
COMES_EVERY = 0.15  # seconds until the agent tries again


# --- one world ------------------------------------------------------------------------------------------------


def _prepare(world: Any) -> None:
    """Chooses a free port for the pages."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        world.pages = f"http://127.0.0.1:{free.getsockname()[1]}"
    configure(world.folder, world.remotes.url, urlsplit(world.pages).netloc)


SYNCER = replace(kills.SYNCER, name="syncer, the chain", prepare=_prepare)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one world; the names are those of `kills.Outcome`. `asked`: a person was, so often."""

    seed: int
    kills: int
    middle: int
    under_way: int
    faults: int
    asked: int
    verdict: Verdict
    unsaid: tuple[str, ...]
    restless: bool
    kept: Path | None = None

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return self.verdict.ok and not self.unsaid and not self.restless


@dataclass
class World(kills.World):
    """The remotes of the chain, a folder, a program that is killed in it, and an agent who comes to its pages."""

    pages: str = ""
    waiting: list[str] = field(default_factory=list)
    unsaid: list[str] = field(default_factory=list)
    asked: int = 0

    def arrive(self, count: int) -> None:
        """So many new orders, each of a fate that is drawn."""
        for _ in range(count):
            self.order(self._draw.choice(FATES))

    def order(self, fate: str) -> str:
        """One order comes; an agent's waits for its agent."""
        number = str(self.remotes.say("call", remote="town", verb="order", arguments={"fate": fate}))
        self.waiting += [number] if fate == "agent" else []
        return number

    def arm(self) -> None:
        """Perhaps a fault for one of the next calls: mostly a lost answer to a writing one."""
        if not self.faults or self._draw.random() < 0.3:
            return
        reading = self._draw.random() < 0.2
        kind = self._draw.choice(NEVER_THERE if reading or self._draw.random() < 0.25 else LOST_ANSWERS)
        operation = self._draw.choice(READS if reading else sorted(WRITES))
        self.remotes.say("fault", kind=kind, operation=operation, skip=self._draw.randint(0, 1), **MORE.get(kind, {}))

    # --- the agent ------------------------------------------------------------------------------------------------

    @contextmanager
    def alive(self, words: Sequence[str]) -> Iterator[Any]:
        """The program as a process of its own, and an agent who comes for as long as it lives."""
        over = threading.Event()
        agent = threading.Thread(target=self._come, args=(over,), daemon=True)
        with super().alive(words) as process:
            agent.start()
            try:
                yield process
            finally:
                over.set()
                process.kill()
                agent.join()

    def _come(self, over: threading.Event) -> None:
        while not over.wait(COMES_EVERY):
            for number in list(self.waiting):
                with suppress(OSError, HTTPException, AssertionError, IndexError):
                    if self.visit(number):
                        self.waiting.remove(number)
                if over.is_set():
                    return

    def visit(self, number: str) -> bool:
        """The agent opens the page, fills in the form and confirms it; whether nothing is to be filled in any more."""
        opened = self.remotes.say("call", remote="vitec", verb="open_order", arguments={"order": number})
        agent = Agent.opens(cast("Any", self), link(opened["token"], opened["customerId"]))
        for fields in (FORM, {}):
            if "<form" in agent.seen.text:
                agent.sends(fields)
        after = ask(self.pages, agent.page)
        return after.status == 200 and 'name="cadastre"' not in after.text

    @property
    def url(self) -> str:
        """Where the agent comes to."""
        return self.pages

    def read(self, *words: str) -> Any:
        """What a reading command says, within this process, which is quicker."""
        out = StringIO()
        with SAYING, redirect_stdout(out), redirect_stderr(StringIO()):
            cli.main([*words, "--json", "--config", str(self.folder / "syncer.toml")])
        return json.loads(out.getvalue())

    # --- the person -----------------------------------------------------------------------------------------------

    def help_on(self) -> None:
        """Each uncertain call is looked up at its remote, and the answers passed on."""
        parked = [each for each in self.read("orders", "--parked") if each["parked"].startswith("uncertain")]
        words = [said for each in parked if (said := self.resolve(each["order"], each["parked"]))]
        if words:
            self.say(sys.executable, "-c", SPEAK, json.dumps(words))

    def resolve(self, name: str, sentence: str) -> list[str]:
        """What a person says of one of them, once they have looked; nothing where it came out meanwhile."""
        unsure = [one for one in self.read("show", name)["intents"] if one["state"] in {"uncertain", "attempting"}]
        if not unsure:
            return []
        found, mark = self._look(name, unsure[-1])
        self.asked += 1
        self.unsaid += [f"{name}: {sentence}"] if name not in sentence or mark not in sentence else []
        words = ["--config", "syncer.toml", "resolve", name, "not-done" if found is None else "done"]
        return [*words, "--ref", found] if found else words

    def _look(self, name: str, intent: Mapping[str, Any]) -> tuple[str | None, str]:
        """The number that it has at its remote, or "" where it has none; None: it isn't there. And what was sought."""
        key, number = str(intent["key"]), name.partition(":")[2]
        if intent["kind"] == "register":
            return self._first("gks4", "sales_orders", "number", reference=name), f"name is {name}"
        if intent["kind"] == "submit" and intent["target"] == "kode_orders":
            made = self.remotes.say("call", remote="kode", verb="created", arguments={})
            return next((str(one["order"]) for one in made if one["technical_reference"] == key), None), key
        if key.endswith(".g1"):
            notes = self.remotes.say("call", remote="vitec", verb="notes", arguments={})
            return ("" if any(note["text"].endswith(f"[{key}]") for note in notes) else None), f"[{key}]"
        stem = f"{number}-{int(re.sub('.*[.]g', '', key)) - 1}"
        images = self.remotes.say("call", remote="vitec", verb="images", arguments={})
        return ("" if any(image["name"].startswith(f"{stem}.") for image in images) else None), stem

    def _first(self, remote: str, verb: str, what: str, **arguments: str) -> str | None:
        found = self.remotes.say("call", remote=remote, verb=verb, arguments=arguments)
        return str(found[0][what]) if found else None

    # --- the end --------------------------------------------------------------------------------------------------

    def finish(self) -> bool:
        """Lets it finish undisturbed, with a person's help, for as long as anything goes on.

        Returns whether it wrote anything once all was done.
        """
        self.remotes.say("clear")
        done, until, seen = -1, 0.0, self.size()
        with self.alive(self.program.service) as process:
            self._await_call(process, seen)  # a word that comes before it is up would keep it from the store
            while not judge(self.lines()).settled:
                if (effects := self._effects()) > done:
                    done, until = effects, time.monotonic() + PATIENCE
                if time.monotonic() > until:
                    break
                self.help_on()
                self.stop.wait(0.5)
                self._unless_stopped()
        done = self.size()
        self.program.look_again(self)
        return self._wrote_after(done)

    def _wrote_after(self, size: int) -> bool:
        with (self.folder / "journal.jsonl").open("rb") as journal:
            journal.seek(size)
            return any(json.loads(line)["operation"] in WRITES for line in journal)

    def outcome(self, *, restless: bool) -> Any:
        """The judgement."""
        journal = self.journal()
        under_way = kills._under_way(self.folder / "under_way.jsonl")
        return Outcome(
            seed=self.seed,
            kills=len(self.killed),
            middle=sum(_in_the_middle(kill, journal) for kill in self.killed),
            under_way=sum(any(began <= kill.at <= ended for began, ended, *_ in under_way) for kill in self.killed),
            faults=sum(entry["fault"] is not None for entry in journal),
            asked=self.asked,
            verdict=judge(self.lines()),
            unsaid=tuple(self.unsaid),
            restless=restless,
        )


def _in_the_middle(kill: Kill, journal: Sequence[Mapping[str, Any]]) -> bool:
    """Whether something had been written in this life, and something was after it."""
    moments = [datetime.fromisoformat(one["at"]).timestamp() for one in journal if one["effect"] is not None]
    return any(kill.started <= at <= kill.at for at in moments) and any(at > kill.at for at in moments)


def run_world(
    count: int, seed: int, span: float, *, faults: bool = True, stop: threading.Event | None = None
) -> Outcome:
    """One world, to its judgement. Its folder is kept where something is wrong with it."""
    folder = Path(tempfile.mkdtemp(prefix=f"kills-chain-{seed}-"))
    try:
        with remotes(folder, seed) as there:
            world = World(folder, SYNCER, there, seed, span, faults, stop=stop or threading.Event())
            outcome: Outcome = world.go_through(count)  # type: ignore[assignment]
    except StoppedError:
        shutil.rmtree(folder)
        raise
    if outcome.ok:
        shutil.rmtree(folder)
        return outcome
    return replace(outcome, kept=folder)


# --- many worlds ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proof:
    """Many worlds' outcomes."""

    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether all is well in all of them."""
        return all(outcome.ok for outcome in self.outcomes)

    @property
    def counts(self) -> dict[str, int]:
        """All that is counted, over all worlds."""
        names = ("kills", "middle", "under_way", "faults", "asked", "restless")
        figures = {name: sum(getattr(outcome, name) for outcome in self.outcomes) for name in names}
        figures["unsaid"] = sum(len(outcome.unsaid) for outcome in self.outcomes)
        for name in Verdict().counts:
            figures[name] = sum(outcome.verdict.counts[name] for outcome in self.outcomes)
        return figures

    def __str__(self) -> str:
        found = self.counts
        return (
            f"{found['kills']} kills ({found['middle']} in mid-work, {found['under_way']} in a writing call), "
            f"{found['faults']} faults, {found['orders']} orders, a person asked {found['asked']} times: "
            f"{found['lost']} lost, {found['stuck']} stuck; doubled: {found['bill']} sales orders, {found['place']} "
            f"KODE orders, {found['note']} notes, {found['image']} images, {found['activate']} activations, "
            f"{found['status']} statuses, {found['customers']} customers; {found['unsaid']} parked without saying what "
            f"to look for, {found['wrong']} wrong, {found['restless']} restless"
        )


def prove(
    count: int = 300, seed: int = 1, processes: int = 4, *, world_of: int = WORLD_OF, span: float = 1.5,
    say: Callable[[str], object] = lambda _: None,
) -> Proof:  # fmt: skip
    """So many kills, in worlds of `world_of` each, `processes` worlds at once. Each is said; what failed is kept."""
    began, stop = time.monotonic(), threading.Event()
    shares = [min(world_of, count - done) for done in range(0, count, world_of)]

    def one(number: int) -> Outcome:
        outcome = run_world(shares[number], seed + number, span, stop=stop)
        say(_word_on(outcome, span))
        return outcome

    with ThreadPoolExecutor(processes) as pool:
        try:
            outcomes = tuple(pool.map(one, range(len(shares))))
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return Proof(outcomes, time.monotonic() - began)


def _word_on(outcome: Outcome, span: float) -> str:
    word = f"the chain, {outcome.seed}: {Proof((outcome,), 0.0)}"
    if outcome.kept is None:
        return word
    again = f"python -m tests.prove.chain_kills --kills {outcome.kills} --seed {outcome.seed} --span {span:.2f}"
    wrong = [f"  {text}" for text in (*outcome.verdict.wrong, *outcome.unsaid)[:5]]
    return "\n".join([word, *wrong, f"  kept: {outcome.kept}", f"  again: {again}"])


def main() -> int:
    """Exit 1 where anything was lost, doubled or left."""
    parser = argparse.ArgumentParser(prog="python -m tests.prove.chain_kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=4, help="worlds at once")
    parser.add_argument("--span", type=float, default=1.5, help="seconds over which the kills are spread")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, kills._leave)
    say = partial(print, flush=True)
    proof = prove(chosen.kills, chosen.seed, chosen.processes, span=chosen.span, say=say)
    print(proof)
    return 0 if proof.ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
