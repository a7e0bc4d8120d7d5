"""From the link to the files, with `syncer run` as a process: noticed in seconds, and killed at each point."""

from pathlib import Path

from syncer.orders import State
from syncer.simulators.kode.model import File
from tests.ring.agents import Browser, LiveWorld
from tests.ring.chain import assert_each_once
from tests.web.asking import ask


def deliver(world: LiveWorld) -> None:
    order = int(world.placed())
    world.kode.add_file(order, File(name="plan.pdf"))
    world.kode.add_file(order, File(name="karta.png", filename="karta.png"))
    world.kode.change_status(order, "FINISHED")


def test_the_whole_chain_goes_on_within_seconds_of_each_step(tmp_path: Path) -> None:
    with LiveWorld(tmp_path) as world, world.serving():
        number = world.ordered()
        agent = Browser(world, number)
        agent.opens()
        took = {"received": world.until(lambda: (o := world.one(f"vitec:{number}")) and o.state is State.RECEIVED)}
        agent.orders()
        took["placed"] = world.until(world.kode.created)
        deliver(world)
        took["delivered"] = world.until(lambda: world.one(f"vitec:{number}").state is State.DELIVERED)
        took["noted"] = world.until(world.vitec.notes)
        took["files"] = world.until(lambda: len(agent.files()) == 2)
        print(took)
        assert ask(world.pages, agent.files()[0]).status == 200
        assert_each_once(world)
        assert max(took.values()) < 20, took
    everything = "".join(world.logs)
    assert not [token for token in agent.tokens if token in everything]
    print(everything[-3000:])
