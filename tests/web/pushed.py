"""A portal that pushes: its secret, and its small language. As a program, the pages over a store in a folder.

`python -m tests.web.pushed FOLDER` prints its address, and reads at the portal whatever is due: it is what a killed
service is to the test of the kills. No claim belongs here.
"""

import json
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from syncer.orders import Read, Rules, Watch
from syncer.store import InHand, Notice, Store
from syncer.web import Malformed, Post, Pushed, digest_of
from syncer.web.glance import utc
from tests.web.scenes import SITE, served

SECRET = "s3cret-of-the-portal-0123456789"
HERE = f"/push/kode/{SECRET}"
RULES = Rules(watched={"kode": Watch()})


def read(body: bytes) -> Pushed:
    """A reader as the kinds have them."""
    try:
        said: Any = json.loads(body)
        if "message" in said:
            return Pushed(notice=Notice(said["id"], said.get("for", "DISTRIBUTOR"), "Oslo kommune", said["message"]))
        return Pushed(str(said["order"]), said.get("ref", ""))
    except (ValueError, KeyError, TypeError):
        raise Malformed("no push") from None


PUSHED = replace(SITE, posts={"kode": Post(digest_of(SECRET), read)})


def poll(store: Store) -> None:
    """Reads what is due, as a pass does, for ever."""
    wait = threading.Event()
    while not wait.wait(0.02):
        for held in store.claim(utc(), limit=100):
            assert isinstance(held, InHand)
            store.apply(held.order.name, Read("active"), utc(), RULES, held=held)


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    folder = Path(sys.argv[1])
    with served(folder, site=PUSHED, existing=(folder / "syncer.db").exists()) as web:
        threading.Thread(target=poll, args=(web.store,), daemon=True).start()
        print(web.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
