"""Claims about workers that share a database, without which a second one is of no use."""

import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from syncer.orders import Observation, Order
from tests.benchmarks.bookkeeping import Portal, engine

ORDERS = 300
IN_HAND = 128  # a few portions, and not all that there is


def test_a_worker_takes_no_more_orders_in_hand_than_it_will_soon_work_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on, claimed = threading.Event(), []

    class Slow(Portal):
        def read(self, order: Order) -> Observation:
            going_on.wait(20)
            return super().read(order)

    monkeypatch.setattr("tests.benchmarks.bookkeeping.Portal", Slow)
    with engine(tmp_path, ORDERS, Counter(), parallel=2) as one:  # for eight threads
        claim = one.room.store.claim

        def noted(*args: Any, **kwargs: Any) -> Any:
            found = claim(*args, **kwargs)
            claimed.extend(found)
            return found

        monkeypatch.setattr(one.room.store, "claim", noted)
        task = threading.Thread(target=one.run_pass, kwargs={"once": True})
        task.start()
        until = time.monotonic() + 2
        while time.monotonic() < until and len(claimed) <= IN_HAND:
            time.sleep(0.02)
        in_hand = len(claimed)
        going_on.set()
        task.join(60)
    assert 0 < in_hand <= IN_HAND
