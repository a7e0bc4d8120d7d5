from datetime import timedelta

import pytest

from syncer import service
from syncer.service import schedule
from syncer.service.schedule import Chore


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(schedule, "STALLED", 0.1)
    monkeypatch.setitem(schedule.CHORES, Chore.WORK, timedelta(milliseconds=50))
