"""What happens at KODE, and what KODE tells by itself: files come and go, and pushes arrive, as they do over HTTP.

What is to happen, and when, is a scenario's to say; what it should lead to is not for here.
"""

import json
from collections.abc import Mapping
from typing import Any

from syncer.simulators.kode import KodeSimulator
from syncer.web.push import Malformed, Post
from syncer.wiring.kode import post_of
from tests.prove.world import World

OF_FILES = frozenset({"change_file", "delete_file", "drop_file", "replace_file", "expire_addresses"})


def account(world: World) -> KodeSimulator:
    """The KODE of a world that has one."""
    assert world.outside.kode is not None
    return world.outside.kode


def act(world: World, number: str, verb: str, facts: Mapping[str, Any]) -> None:
    """One thing that happens to an order there; to the one that was placed for it, where it is a portal's.

    A file is meant by its place among those that the order has had (`file`), counted from the end where it is less
    than nought.
    """
    kode, facts = account(world), dict(facts)
    name = world.name(number)
    order = int(number) if name.startswith("kode:") else _placed(world, number)
    if verb == "add_file" and not kode.options.lines_have_extras:
        facts["on"] = "order"
    if verb in OF_FILES:
        assets = [file["asset"] for file in kode.order(order)["files"]]
        getattr(kode, verb)(assets[facts.pop("file")], **facts)
    else:
        getattr(kode, verb)(**{"order": order, **facts})


def _placed(world: World, number: str) -> int:
    made = world.outside.placed(number)
    assert made, f"{number} is not placed"
    return int(made[-1]["order"])


def push(world: World) -> None:
    """What is due is pushed. What the program was cut in is pushed again, since nobody has answered."""
    kode = account(world)
    kode.desk.catch_up()
    for one in kode.notices.due():
        deliver(world, json.dumps(one.body).encode())
        one.sent = True


def deliver(world: World, body: bytes) -> None:
    """One body, read and stored as the web's inbox does it."""
    try:
        said = _post(world).understand(body)
    except Malformed:
        return
    if said.order_id is not None:
        world.store.push("kode", [(said.order_id, said.reference)], world.clock())


def _post(world: World) -> Post:
    post = post_of(world.config.portals["kode"])
    assert post is not None
    return post
