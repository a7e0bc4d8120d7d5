"""KODE's orders as a portal's: followed until long after they end, and their files kept, each once."""

import json
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from syncer.files.part import Kept, Part
from syncer.orders import FileState, Park, State
from syncer.simulators.kode import Script
from syncer.simulators.kode.model import File
from tests.ring.kode import KodeWorld, assert_files_are_right


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def states(world: KodeWorld, number: str) -> list[FileState]:
    return [file.state for file in world.files(number)]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("NEW", State.RECEIVED),
        ("PROGRESS", State.ACTIVE),
        ("FINISHED", State.DELIVERED),
        ("CANCELLED", State.CANCELLED),
        ("REFUNDED", State.CANCELLED),
    ],
)
@pytest.mark.parametrize("options", [{}, {"generation": "v17", "top_status": "object"}], ids=["v20", "v17"])
def test_what_kode_says_of_an_order_is_what_it_is(
    folder: Path, theirs: str, ours: State, options: dict[str, Any]
) -> None:
    with KodeWorld(folder, options=options) as world:
        number = world.place(status=theirs)
        world.once()
        assert world.known(number).state is ours
        assert world.known(number).park is None


def test_a_status_that_nobody_knows_is_kept_and_never_acted_on(folder: Path) -> None:
    with KodeWorld(folder) as world:
        number = world.place(File(), status="PROGRESS")
        world.once()
        world.kode.change_status(int(number), "ARCHIVED")
        world.later(minutes=2)
        found = world.known(number)
        assert (found.state, found.portal_status, found.park) == (State.ACTIVE, "ARCHIVED", None)
        assert states(world, number) == [FileState.KEPT]


def test_an_order_that_is_first_read_with_a_status_that_nobody_knows_is_followed_too(folder: Path) -> None:
    with KodeWorld(folder) as world:
        number = world.place(File(), status="ARCHIVED")
        world.once()
        world.later(minutes=2)
        found = world.known(number)
        assert (found.state, found.portal_status, found.park) == (State.RECEIVED, "ARCHIVED", None)
        assert states(world, number) == [FileState.KEPT]
        world.kode.change_status(int(number), "FINISHED")
        world.later(minutes=2)
        assert world.known(number).state is State.DELIVERED


def test_an_order_from_new_to_finished_with_a_late_file_a_deletion_and_a_refund(folder: Path) -> None:
    with KodeWorld(folder) as world:
        number = world.place()
        world.once()
        world.kode.change_status(int(number), "PROGRESS")
        first = world.kode.add_file(int(number), File(on="line", name="plan.pdf"))
        world.kode.add_file(int(number), File(on="order", name="brev.pdf"))
        world.later(minutes=2)
        assert (world.known(number).state, states(world, number)) == (State.ACTIVE, [FileState.KEPT] * 2)
        world.kode.change_status(int(number), "FINISHED")
        world.later(minutes=2)
        assert world.known(number).state is State.DELIVERED
        world.kode.add_file(int(number), File(name="sent.pdf"))
        world.later(days=3)
        assert states(world, number) == [FileState.KEPT] * 3
        world.kode.delete_file(first)
        world.later(hours=2)
        gone = next(file for file in world.files(number) if file.asset == first)
        assert (gone.state, gone.why) == (FileState.GONE, "deleted in KODE")
        assert_files_are_right(world)
        world.kode.change_status(int(number), "REFUNDED")
        world.later(hours=2)
        assert world.known(number).state is State.CANCELLED
        assert states(world, number) == [FileState.GONE] * 3
        assert world.on_disk() == {}
        assert {file.why for file in world.files(number)} == {"deleted in KODE", "the order was refunded in KODE"}


def test_a_file_is_fetched_once_however_often_its_order_is_asked_about(folder: Path) -> None:
    with KodeWorld(folder, options={"listed_twice": True, "address": "fresh"}) as world:
        number = world.place(File(), File(on="order"))
        for _ in range(5):
            world.later(minutes=2)
        assert Counter(one["asset"] for one in world.kode.downloads()).most_common(1)[0][1] == 1
        assert states(world, number) == [FileState.KEPT] * 2
        assert_files_are_right(world)


def test_a_file_that_is_no_longer_listed_is_kept(folder: Path) -> None:
    with KodeWorld(folder) as world:
        number = world.place(File())
        world.once()
        world.kode.drop_file(world.files(number)[0].asset)
        world.later(minutes=2)
        assert states(world, number) == [FileState.KEPT]
        assert_files_are_right(world)


@pytest.mark.parametrize("how", ["kept", "deleted", "dropped"])
def test_the_files_of_a_cancelled_order_go_whatever_its_tree_still_shows(folder: Path, how: str) -> None:
    with KodeWorld(folder, options={"cancelled_assets": how}) as world:
        number = world.place(File(), File(on="order"))
        world.once()
        world.kode.change_status(int(number), "CANCELLED")
        world.later(minutes=2)
        assert states(world, number) == [FileState.GONE] * 2
        assert world.on_disk() == {}


def test_while_one_file_is_brought_to_the_disk_the_next_one_comes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coming: list[bool] = []

    def put(new: Part, name: str) -> Kept:
        until = time.monotonic() + 5
        while not coming and len(world.kode.downloads()) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        coming.append(len(world.kode.downloads()) >= 2)
        return slowly(new, name)

    slowly = Part.put
    monkeypatch.setattr(Part, "put", put)
    with KodeWorld(folder, lines="parallel = 1") as world:
        world.place(File(), File())
        world.once()
        assert coming[0]
        assert_files_are_right(world)


def test_files_of_one_name_lie_side_by_side(folder: Path) -> None:
    with KodeWorld(folder, options={"names": "same"}) as world:
        world.place(File(), File(), File(on="order"))
        world.once()
        assert len(world.on_disk()) == 3
        assert_files_are_right(world)


def test_no_hostile_name_leads_out_of_the_files_directory(folder: Path) -> None:
    with KodeWorld(folder / "deep", options={"names": "hostile"}) as world:
        before = sorted(str(path) for path in folder.rglob("*") if not str(path).startswith(str(world.root)))
        number = world.place(*(File(size=64, on="order") for _ in range(120)))
        world.once()
        after = sorted(
            str(path)
            for path in folder.rglob("*")
            if not str(path).startswith(str(world.root)) and "syncer.db" not in path.name and path.name != "state"
        )
        assert set(after) <= set(before)
        assert states(world, number) == [FileState.KEPT] * 120
        assert len(world.on_disk()) == 120
        assert_files_are_right(world)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_an_address_that_has_expired_is_asked_for_again(folder: Path, status: int) -> None:
    with KodeWorld(folder, options={"address": "fresh", "address_life": 5, "expired_status": status}) as world:
        number = world.place(*(File() for _ in range(3)))
        world.once()
        assert states(world, number) == [FileState.KEPT] * 3
        assert_files_are_right(world)


@pytest.mark.parametrize("options", [{"redirect": "elsewhere"}, {"at": "elsewhere"}])
def test_the_token_goes_to_no_host_that_is_not_configured(folder: Path, options: dict[str, Any]) -> None:
    with KodeWorld(folder, options=options) as world:
        number = world.place(File())
        world.once()
        assert world.kode.leaks() == []
        assert world.known(number).park is Park.FILES
        assert "localhost" in (world.known(number).parked or "")
        assert states(world, number) == [FileState.REFUSED]


def test_a_host_that_is_configured_after_all_is_fetched_from_once_somebody_says_retry(folder: Path) -> None:
    with KodeWorld(folder, options={"redirect": "elsewhere"}) as world:
        number = world.place(File())
        world.once()
        world.configure(
            more=world._settings["more"].replace("rate = 1000\n", 'rate = 1000\ndownload_hosts = ["localhost"]\n')
        )
        world.later(minutes=2)
        assert states(world, number) == [FileState.REFUSED]
        assert world.say("retry", f"kode:{number}").code == 0
        assert states(world, number) == [FileState.KEPT]


def test_a_file_that_is_too_large_parks_its_order_and_no_part_of_it_stays(folder: Path) -> None:
    with KodeWorld(folder, lines='max_file_size = "10KB"') as world:
        number = world.place(File(size=20_000), File(size=2_000))
        world.once()
        assert sorted(states(world, number)) == [FileState.KEPT, FileState.REFUSED]
        assert "max_file_size" in (world.known(number).parked or "")
        assert_files_are_right(world)


def test_a_download_that_is_refused_parks_its_order_until_somebody_says_retry(folder: Path) -> None:
    with KodeWorld(folder) as world:
        number = world.place(File(), File())
        world.host.fault("echo_400", "kode", "assets.download")
        world.once()
        assert sorted(states(world, number)) == [FileState.KEPT, FileState.REFUSED]
        assert (world.known(number).park, "HTTP 400" in (world.known(number).parked or "")) == (Park.FILES, True)
        assert world.say("retry", f"kode:{number}").code == 0
        assert states(world, number) == [FileState.KEPT] * 2
        assert_files_are_right(world)


def test_one_outage_costs_no_call_for_each_order(folder: Path) -> None:
    with KodeWorld(folder) as world:
        numbers = [world.place() for _ in range(30)]
        world.once()
        world.host.fault("error_before", "kode", "orders.get", times=None)
        before = len(world.host.calls("kode"))
        world.later(minutes=2)
        assert len(world.host.calls("kode")) - before <= 8
        assert {world.known(number).park for number in numbers} == {None}


def test_an_order_is_asked_about_often_in_its_first_hour_and_rarer_then(folder: Path) -> None:
    with KodeWorld(folder) as world:
        number = world.place()
        world.once()
        for minutes, most in ((1, timedelta(minutes=1)), (300, timedelta(minutes=6)), (4000, timedelta(hours=1))):
            world.clock.go_on(minutes=minutes)
            with world.engine() as engine:
                engine.run_pass()
            wake_at = world.known(number).wake_at
            assert wake_at is not None
            assert timedelta(seconds=30) < wake_at - world.clock() <= most


def test_an_order_is_followed_as_long_as_it_is_configured_and_no_longer(folder: Path) -> None:
    with KodeWorld(folder, lines='follow_after_finished = "2d"') as world:
        number = world.place(script=Script(((0, "FINISHED"),)))
        world.later(minutes=1)
        world.later(days=1)
        assert world.known(number).wake_at is not None
        world.later(days=2)
        world.later(minutes=1)
        assert world.known(number).wake_at is None


def test_what_a_killed_life_was_writing_is_removed_by_the_next(folder: Path) -> None:
    with KodeWorld(folder) as world:
        number = world.place(File())
        left = world.root / f"kode:{number}" / f".part-{'0' * 32}"
        left.parent.mkdir(parents=True)
        left.write_bytes(b"half")
        world.once()
        assert not left.exists()
        assert states(world, number) == [FileState.KEPT]
        assert_files_are_right(world)


def test_nothing_of_who_ordered_is_kept(folder: Path) -> None:
    with KodeWorld(folder) as world:
        number = world.place(user="Kari Hemmelig")
        world.once()
        assert "Hemmelig" not in str(world.known(number))


def test_what_became_of_each_file_is_told_by_show(folder: Path) -> None:
    with KodeWorld(folder) as world:
        number = world.place(File(name="plan.pdf"))
        world.once()
        shown = world.say("show", f"kode:{number}", "--json").out
        assert str(world.files(number)[0].sha256) in shown
        assert world.files(number)[0].name in world.say("show", f"kode:{number}").out


def test_a_file_that_kode_lists_and_refuses_for_an_hour_parks_its_order(folder: Path) -> None:
    with KodeWorld(folder, options={"download_auth": "refused"}) as world:
        number = world.place(File())
        world.once()
        assert states(world, number) == [FileState.WANTED]
        assert world.known(number).park is None
        world.later(minutes=30)
        assert states(world, number) == [FileState.WANTED]
        world.later(minutes=40)
        assert states(world, number) == [FileState.REFUSED]
        assert "403" in (world.known(number).parked or "")


def test_status_says_when_a_portal_without_a_list_was_last_seen_to_and_that_it_is_down(folder: Path) -> None:
    with KodeWorld(folder) as world:
        world.place()
        world.once()
        stands = json.loads(world.say("status", "--json").out)["portals"]["kode"]
        assert (stands["up"], stands["last_poll_at"]) != (None, None)
        world.host.fault("error_before", "kode", None, times=None)
        world.later(minutes=2)
        later = json.loads(world.say("status", "--json").out)["portals"]["kode"]
        assert later["up"] is False
        assert later["last_poll_at"] < world.clock().isoformat()
