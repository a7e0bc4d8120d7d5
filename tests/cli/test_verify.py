"""`syncer verify`: it tells every difference with the command that mends it, and writes nothing anywhere."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncer.orders import FileState, Park
from syncer.simulators.host import Fault
from syncer.simulators.kode.model import File
from syncer.simulators.on_api import Script
from tests.ring.harness import DESK, PROGRAM, UNMAPPED, World
from tests.ring.kinds import program
from tests.ring.kode import KodeWorld, assert_files_are_right
from tests.store.filled import everything, run

KEPT = Script(received_ticks=99)
SLOW = Script(received_ticks=1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, at=None, more=program(tmp_path)) as world:
        yield world


def verified(world: World, *words: str) -> tuple[int, dict[str, tuple[str, str, str]], Any]:
    """The exit code, each difference by order and kind, and the whole."""
    before, kept = len(world.writes()), everything(world.database)
    ran = world.say("verify", "--json", *words)
    assert len(world.writes()) == before
    assert everything(world.database) == kept
    found = {
        f"{one['order']} {one['about']}": (one["ours"], one["theirs"], one["command"])
        for one in ran.json["differences"]
    }
    return ran.code, found, ran.json


def test_where_all_agree_it_says_so_and_ends_with_0(world: World) -> None:
    for script, fields in ((None, {}), (KEPT, {}), (None, {"service": UNMAPPED}), (None, {"service": DESK})):
        world.order(script, **fields)
    for script in (Script(refuse=409, cause="Nej"), Script(end="DONE_FAILED", message="Nej")):
        world.order(script)
    world.order(service=PROGRAM)
    world.order(status="delivered")
    world.once()
    code, found, whole = verified(world)
    assert (code, found, whole["ok"], whole["unasked"]) == (0, {}, True, [])
    assert (whole["orders"], whole["questions"]) == (8, 8 + 4 + 1)
    assert "0 differences in 8 orders" in world.say("verify").out


def test_a_status_that_somebody_else_changed_is_told_and_read_by_the_command_that_it_names(world: World) -> None:
    number = world.order(KEPT)
    world.once()
    world.portal.change_status(number, "waiting")
    code, found, _ = verified(world)
    assert code == 1
    assert found == {f"tg:{number} status": ("active", "waiting", f"syncer reread tg:{number}")}
    assert world.say("reread", f"tg:{number}").code == 0
    assert verified(world)[0] == 0


def test_an_order_that_only_the_portal_has_is_told_and_comes_in_by_the_command_that_it_names(world: World) -> None:
    world.order()
    world.once()
    number = world.order(date="2026-11-20 10:00:00", status="received")
    code, found, _ = verified(world)
    assert code == 1
    assert found == {f"tg:{number} unknown": ("not known", "received", "syncer reread tg")}
    world.once()
    if number not in world.orders():
        assert world.say("reread", "tg").code == 0
        world.once()
    assert verified(world)[:2] == (0, {})


def test_an_order_that_the_portal_no_longer_shows_is_told(world: World) -> None:
    number = world.order(KEPT)
    world.once()
    world.portal.hide(number)
    world.portal.break_detail(number)
    code, found, _ = verified(world)
    assert code == 1
    ours, theirs, command = found[f"tg:{number} unread"]
    assert (ours, command) == ("active", f"syncer show tg:{number}")
    assert theirs.startswith("can't be read: ")


def test_what_the_network_has_done_since_is_told(world: World) -> None:
    number = world.order(SLOW)
    world.once()
    world.network.tick()
    code, found, _ = verified(world)
    assert code == 1
    assert found == {f"tg:{number} fulfilment": ("begun", "done (o-5001)", "syncer --once")}
    world.once()
    assert verified(world)[:2] == (0, {})


def test_an_activation_that_is_not_known_here_is_told_and_found_by_the_command_that_it_names(world: World) -> None:
    number = world.order(KEPT)
    world.once()
    with world.reading() as store:
        copy = store.copy_to(world.folder / "copy.db", world.clock()).file
    assert world.say("retry", f"tg:{number}").code == 0
    late = world.order(KEPT, service=UNMAPPED)
    world.once()
    world.configure(network_lines="check_access = false")
    route = f'[[routes]]\nportal = "tg"\nmatch = {{ service = "{UNMAPPED}" }}\nfulfilment = "nordnet"\n'
    world.configure(more=program(world.folder) + route + 'service = "FIBER-250-250"\n')
    with world.reading() as store:
        copy = store.copy_to(world.folder / "copy2.db", world.clock()).file
    assert world.say("retry", f"tg:{late}").code == 0
    world.forget()
    world.database.write_bytes(copy.read_bytes())
    code, found, _ = verified(world)
    assert code == 1
    ours, theirs, command = found[f"tg:{late} fulfilment"]
    assert (ours, theirs.partition(" (")[0], command) == ("not begun", "under way", "syncer recheck")
    assert world.say("recheck").code == 0
    assert world.say("retry", f"tg:{late}").code == 0
    world.once()
    assert verified(world)[:2] == (0, {})
    assert len(world.network.activations()) == 2


@pytest.mark.parametrize(("fault", "word"), [(Fault.RESET_AFTER, "done"), (Fault.RESET_BEFORE, "not-done")])
def test_an_uncertain_call_is_looked_up_and_the_word_that_settles_it_is_named(
    world: World, fault: Fault, word: str
) -> None:
    number = world.order(KEPT)
    world.host.fault(fault, "nordnet", "orders.create", times=1)
    world.host.fault(Fault.ERROR_BEFORE, "nordnet", "orders.list", times=None)
    world.once()
    world.host.clear_faults()
    code, found, _ = verified(world)
    assert code == 1
    ours, theirs, command = found[f"tg:{number} uncertain"]
    assert ours == "whether submit took effect is not known"
    assert theirs == ("it took effect (o-5001)" if word == "done" else "it had no effect")
    assert command == "syncer --once"
    world.once()
    assert verified(world)[:2] == (0, {})


def test_a_command_s_uncertain_run_asks_for_a_persons_word(world: World) -> None:
    world.configure(more=program(world.folder, "sys.exit(1)"))
    number = world.order(service=PROGRAM)
    world.once()
    assert world.orders()[number].park is Park.UNCERTAIN
    code, found, _ = verified(world)
    assert code == 1
    assert found[f"tg:{number} uncertain"][1:] == ("it can't tell", f"syncer resolve tg:{number} done, or not-done")


def test_a_remote_that_is_down_is_told_with_its_cause_and_is_not_asked_without_end(world: World) -> None:
    for _ in range(12):
        world.order(KEPT)
    world.once()
    world.host.fault(Fault.REFUSE, "nordnet", times=None)
    before = len(world.host.journal)
    code, found, whole = verified(world)
    assert (code, found, whole["ok"]) == (1, {}, False)
    (unasked,) = whole["unasked"]
    assert (unasked["remote"], unasked["questions"]) == ("nordnet", 12)
    assert "connection" in unasked["cause"]
    assert len(world.host.calls("nordnet")[before:]) < 12
    told = world.say("verify")
    assert "nordnet could not be asked 12 questions" in told.err


def test_a_remote_s_wish_to_be_left_alone_is_kept(world: World) -> None:
    world.order(KEPT)
    world.once()
    world.host.fault(Fault.TOO_MANY, "nordnet", times=None, retry_after=600)
    world.network.tick()
    world.once()
    world.host.clear_faults()
    asked = len(world.host.calls("nordnet"))
    _, _, whole = verified(world)
    assert len(world.host.calls("nordnet")) == asked
    assert "left alone until" in whole["unasked"][0]["cause"]


def test_wrong_credentials_are_tried_once(world: World) -> None:
    for _ in range(5):
        world.order(KEPT)
    world.once()
    (world.folder / "password.secret").write_text("another", encoding="utf-8")
    asked = len(world.host.calls("nordnet"))
    code, _, whole = verified(world)
    assert code == 1
    assert "credentials" in whole["unasked"][0]["cause"]
    assert len(world.host.calls("nordnet")) - asked <= 4  # those under way at once


def test_ended_orders_are_compared_as_far_back_as_is_asked_for(world: World) -> None:
    number = world.order()
    world.once()
    world.portal.change_status(number, "cancelled")
    code, found, whole = verified(world)
    assert (code, whole["orders"]) == (1, 1)
    assert found[f"tg:{number} status"][:2] == ("delivered", "cancelled")
    assert verified(world, "--days", "0")[2]["orders"] == 0


def test_a_call_that_is_under_way_is_no_difference(world: World) -> None:
    number = world.order(KEPT)
    world.once()
    run(world.database, "UPDATE orders SET portal_status = 'received'")
    assert verified(world)[1] == {f"tg:{number} status": ("received", "active", f"syncer reread tg:{number}")}
    at = world.clock().replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    run(world.database, f"UPDATE intents SET open = 1, state = 'attempting', at = '{at}' WHERE kind = 'status'"  # noqa: S608
        " AND key LIKE '%.t2'")  # fmt: skip
    assert verified(world)[:2] == (0, {})


def test_while_the_service_runs_it_names_no_command_that_can_t_be_given(world: World) -> None:
    number = world.order(SLOW)
    world.once()
    world.configure(level="info")
    with world.start("run", "--config", str(world.config_file)) as service:
        assert service.stdout is not None
        while "portal.polled" not in service.stdout.readline():
            assert service.poll() is None
        os.kill(service.pid, signal.SIGSTOP)  # it sees to nothing now
        world.network.tick()
        ran = world.say("verify", "--json")
        os.kill(service.pid, signal.SIGCONT)
        service.terminate()
        service.communicate()
    assert [(one["order"], one["command"]) for one in ran.json["differences"]] == [
        (f"tg:{number}", "nothing: the running service sees to it")
    ]


# --- files ------------------------------------------------------------------------------------------------------


@pytest.fixture
def kode(tmp_path: Path) -> Iterator[KodeWorld]:
    with KodeWorld(tmp_path, at=None) as world:
        yield world


def kept(world: KodeWorld, *sizes: int, status: str = "FINISHED") -> tuple[str, list[Path]]:
    """An order whose files are here; its name, and where they lie."""
    number = world.place(*(File(filename=f"fil{at}.pdf", size=size) for at, size in enumerate(sizes)), status=status)
    world.once()
    return f"kode:{number}", sorted((world.root / f"kode:{number}").iterdir())


def of_files(world: KodeWorld, *words: str) -> dict[str, tuple[str, str]]:
    """What verify says of files: by what is here, what is wrong and the command."""
    _, _, whole = verified(world, *words)
    assert {one["about"] for one in whole["differences"]} <= {"file"}
    return {one["ours"]: (one["theirs"], one["command"]) for one in whole["differences"]}


def test_files_that_are_as_they_were_kept_are_no_difference(kode: KodeWorld) -> None:
    kept(kode, 10, 3_000_000, status="PROGRESS")
    code, found, whole = verified(kode)
    assert (code, found, whole["files"]) == (0, {}, 2)
    assert "2 files" in kode.say("verify").out


def test_a_file_that_is_missing_or_was_changed_is_told_and_fetched_by_the_command_that_is_named(
    kode: KodeWorld,
) -> None:
    name, (first, second, third, _) = kept(kode, 11, 12, 13, 14)
    first.unlink()
    second.write_bytes(b"x" * 12)
    third.write_bytes(b"longer than it was")
    command = f"syncer files {name} --again"
    assert of_files(kode) == {
        "fil0.pdf, 11 bytes": ("it is missing", command),
        "fil1.pdf, 12 bytes": ("it was changed: other contents", command),
        "fil2.pdf, 13 bytes": ("it was changed: 18 bytes instead of 13", command),
    }
    downloads = len(kode.kode.downloads())
    ran = kode.say(*command.split()[1:])
    assert ran.code == 0
    assert f"{name}: fil0.pdf is missing, and is fetched anew" in ran.out
    assert len(kode.kode.downloads()) == downloads + 3
    assert of_files(kode) == {}
    assert_files_are_right(kode)
    assert kode.say(*command.split()[1:]).code == 0
    assert len(kode.kode.downloads()) == downloads + 3


def test_a_whole_folder_that_is_gone_is_told_file_by_file_and_comes_back(kode: KodeWorld) -> None:
    name, files = kept(kode, 11, 12)
    for file in files:
        file.unlink()
    files[0].parent.rmdir()
    assert [theirs for theirs, _ in of_files(kode).values()] == ["it is missing"] * 2
    found = kode.say("files", name, "--again", "--json")
    assert [one["state"] for one in found.json] == ["kept", "kept"]
    assert_files_are_right(kode)


def test_a_link_in_a_file_s_place_is_not_followed(kode: KodeWorld, tmp_path: Path) -> None:
    name, (file,) = kept(kode, 11)
    elsewhere = tmp_path / "elsewhere.pdf"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    assert set(of_files(kode)) == {"fil0.pdf, 11 bytes"}
    assert kode.say("files", name, "--again").code == 0
    assert not file.is_symlink()
    assert elsewhere.exists()
    assert_files_are_right(kode)


def test_what_else_lies_in_an_order_s_folder_is_named_legibly_and_left_alone(kode: KodeWorld) -> None:
    name, (file,) = kept(kode, 11)
    odd = [b"a\x1b[2J\nb", b"\xff\xfe", b"c" * 200, b"d"]
    for raw in odd:
        Path(os.fsdecode(os.fsencode(file.parent) + b"/" + raw)).write_bytes(b"?")
    (told,) = of_files(kode).items()
    ours, (theirs, command) = told
    assert ours == "1 file"
    assert theirs == f"4 more in its folder: a\ufffd[2J\ufffdb, {'c' * 60}…, d, …"
    assert command == f"remove by hand what nobody needs: syncer files {name} tells where"
    assert kode.say("verify").code == 1
    assert len(list(file.parent.iterdir())) == 5


def test_a_file_that_was_to_be_removed_and_is_there_again_is_told(kode: KodeWorld) -> None:
    _, (file,) = kept(kode, 11)
    copy = file.read_bytes()
    number = next(iter(kode.orders()))
    kode.kode.change_status(int(number), "REFUNDED")
    kode.later(hours=2)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(copy)
    assert of_files(kode)["0 files"][0] == "1 more in its folder: fil0.pdf"


def test_files_of_an_order_that_ended_before_the_days_that_are_asked_for_are_not_read(kode: KodeWorld) -> None:
    _, (file,) = kept(kode, 11)
    file.unlink()
    assert of_files(kode, "--days", "0") == {}
    assert len(of_files(kode, "--days", "1")) == 1


def test_files_that_a_running_syncer_is_to_fetch_are_only_written_down(kode: KodeWorld) -> None:
    name, (file,) = kept(kode, 11)
    file.unlink()
    with kode.engine():
        assert [one["state"] for one in kode.say("files", name, "--again", "--json").json] == ["wanted"]
    assert not file.exists()
    kode.once()
    assert [one.state for one in kode.files(name.removeprefix("kode:"))] == [FileState.KEPT]
    assert_files_are_right(kode)


def test_an_order_that_is_not_there_has_nothing_fetched(kode: KodeWorld) -> None:
    ran = kode.say("files", "kode:1", "--again")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("there is no order") == 1
