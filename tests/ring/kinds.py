"""The kinds of orders that a portal can have, each as a small story that any trouble can be put into."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from syncer.simulators.on_api import Script
from tests.ring.harness import DESK, PROGRAM, STOCKHOLM, UNMAPPED, World

LATER = datetime(2031, 5, 10, 8, 0, tzinfo=STOCKHOLM)
SLOW = Script(received_ticks=1, progress_ticks=1)


@dataclass(frozen=True)
class Kind:
    """One kind of order: the world that it needs, how it comes, and what the world does after the first pass."""

    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    script: Script | None = None
    network: Mapping[str, Any] = field(default_factory=dict)
    then: tuple[Callable[[World], None], ...] = ()

    def world(self, folder: Path, **settings: Any) -> World:
        folder.mkdir(exist_ok=True)
        return World(folder, **{"network": self.network, "more": program(folder), **settings})

    def arrive(self, world: World) -> str:
        """The order comes; its id."""
        return world.order(self.script, **self.fields)


def tick(world: World) -> None:
    world.network.tick()


def until_later(world: World) -> None:
    """The wished day comes."""
    world.clock.set(max(world.clock(), LATER) + timedelta(minutes=1))


PLAIN_KIND = Kind("plain")
SLOW_KIND = Kind("slow", script=SLOW, then=(tick, tick))
REFUSED = Kind("refused", script=Script(refuse=409, cause="Porten är upptagen"))
FAILED = Kind("failed", script=Script(received_ticks=1, end="DONE_FAILED", message="Mörk fiber"), then=(tick,))
UNROUTED = Kind("unmapped", {"service": UNMAPPED})
SCHEDULED = Kind("wished for later, scheduled", {"delivery": LATER}, then=(until_later,))
HELD = Kind("wished for later, held here", {"delivery": LATER}, network={"scheduling": False}, then=(until_later,))
MANUAL = Kind("manual", {"service": DESK})
COMMANDED = Kind("command", {"service": PROGRAM})
DIRECT = Kind("direct-activated", {"status": "delivered"})
KINDS = PLAIN_KIND, SLOW_KIND, REFUSED, FAILED, UNROUTED, SCHEDULED, HELD, MANUAL, COMMANDED, DIRECT


def program(folder: Path, body: str = "") -> str:
    """The configuration of a command that notes each of its runs, and then does what `body` says (Python)."""
    script = folder / "program.py"
    notes = "import json, sys", f"open({str(folder / 'runs')!r}, 'a').write(json.load(sys.stdin)['order'] + '\\n')"
    script.write_text("\n".join([*notes, body]), encoding="utf-8")
    words = ", ".join(f'"{word}"' for word in (sys.executable, "-I", str(script)))
    return (
        f'[fulfilments.script]\nkind = "command"\ncommand = [{words}]\n'
        f'[[routes]]\nportal = "tg"\nmatch = {{ service = "{PROGRAM}" }}\nfulfilment = "script"\n'
    )


def runs(world: World) -> list[str]:
    """The orders that the command was run for, in order."""
    file = world.folder / "runs"
    return file.read_text(encoding="utf-8").split() if file.exists() else []
