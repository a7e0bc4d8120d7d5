"""docs/operating.md tried: each trouble is made, what its page quotes is seen, and what it says to type mends it."""

import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from syncer.orders import Park
from syncer.simulators.host import Fault
from syncer.simulators.on_api import Script
from syncer.store import StoreError
from syncer.store import connect as opening
from tests.ring.harness import PROGRAM, UNMAPPED, World
from tests.ring.kinds import program

PAGES = (Path(__file__).parent.parent.parent / "docs" / "operating.md").read_text(encoding="utf-8")
KEPT = Script(received_ticks=99)
ROUTE = f'[[routes]]\nportal = "tg"\nmatch = {{ service = "{UNMAPPED}" }}\nfulfilment = "desk"\n'


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, at=None, level="info", more=program(tmp_path, "sys.exit(1)")) as world:
        yield world


def quoted(title: str) -> list[str]:
    """What the page with a title quotes as what is seen; without the commands to see it by."""
    page = PAGES.partition(f"\n### {title}\n")[2].partition("\n### ")[0]
    seen = re.search(r"\*\*You see:\*\*(.*?)\n\n", page, re.DOTALL)
    assert seen is not None, title
    texts = re.findall(r"`([^`]+)`", seen[1].replace("\n", " "))
    assert texts
    return [text for text in texts if not text.startswith("syncer ")]


def heard(world: World, *commands: str) -> str:
    """All that some commands print, one after the other, and log."""
    ran = [world.say(*command.split()) for command in commands]
    return "\n".join(one.out + one.err for one in ran)


def assert_seen(title: str, told: str, *, besides: tuple[str, ...] = ()) -> None:
    """That all that the page quotes is there, `besides` what other tests try."""
    assert [text for text in quoted(title) if text not in told and text not in besides] == []


def delivered(world: World, number: str) -> bool:
    return world.portal.status(number) == "delivered"


# --- remotes --------------------------------------------------------------------------------------------------


def test_a_remote_that_is_down_is_seen_and_nothing_has_to_be_done(world: World) -> None:
    world.configure(timeout="0.5s")
    number, told = world.order(), ""
    well = world.config_file.read_text(encoding="utf-8")
    nobody = well.replace(f"{world.host.url}/nordnet", "http://127.0.0.1:1/nordnet")
    for fault, config in ((None, nobody), (Fault.TIMEOUT_BEFORE, well), (Fault.ERROR_BEFORE, well)):
        world.config_file.write_text(config, encoding="utf-8")
        if fault is not None:
            world.host.fault(fault, "nordnet", times=None)
        told += heard(world, "--once", "status")
        world.host.clear_faults()
        world.config_file.write_text(well, encoding="utf-8")
        assert "remote.up" in heard(world, "--once")
        assert delivered(world, number)
        number = world.order()
    assert_seen("A remote is down", told, besides=("no such host",))


def test_wrong_credentials_are_seen_and_mended(world: World) -> None:
    secrets = {name: (world.folder / f"{name}.secret").read_text(encoding="utf-8") for name in ("password", "key")}
    number, told = world.order(), ""
    for name in secrets:
        (world.folder / f"{name}.secret").write_text("another", encoding="utf-8")
        told += heard(world, "--once", "check")
    assert_seen("Wrong credentials", told)
    assert all(secret not in told for secret in secrets.values())
    for name, secret in secrets.items():
        (world.folder / f"{name}.secret").write_text(secret, encoding="utf-8")
    assert world.say("check").code == 0
    assert world.say("--once").code == 0
    assert delivered(world, number)


def test_a_reload_has_mended_credentials_tried(world: World) -> None:
    secret = world.folder / "password.secret"
    right = secret.read_text(encoding="utf-8")
    secret.write_text("another", encoding="utf-8")
    number = world.order()
    with world.start("run", "--config", str(world.config_file)) as service:
        assert service.stdout is not None
        while "remote.denied" not in service.stdout.readline():
            assert service.poll() is None
        secret.write_text(right, encoding="utf-8")
        os.kill(service.pid, signal.SIGHUP)
        while "the portal was told delivered" not in service.stdout.readline():
            assert service.poll() is None
        service.terminate()
        service.communicate()
    assert delivered(world, number)


def test_too_many_calls_are_seen_and_the_remote_s_wish_is_kept(world: World) -> None:
    world.order()
    world.host.fault(Fault.TOO_MANY, times=None, retry_after=600)
    told = heard(world, "--once", "status")
    world.host.clear_faults()
    made = len(world.host.calls())
    told += heard(world, "--once", "verify")
    assert_seen("Too many calls", told, besides=("rate",))
    assert len(world.host.calls()) == made


# --- orders ---------------------------------------------------------------------------------------------------


def test_an_uncertain_order_is_seen_and_a_person_s_word_settles_it(world: World) -> None:
    numbers = [world.order(service=PROGRAM) for _ in range(2)]
    assert_seen("An order is uncertain", heard(world, "--once", "orders --parked"))
    verified = heard(world, "verify --json")
    assert all(f"syncer resolve tg:{number} done, or not-done" in verified for number in numbers)
    assert world.say("resolve", f"tg:{numbers[0]}", "done").code == 0
    world.configure(more=program(world.folder))
    assert world.say("resolve", f"tg:{numbers[1]}", "not-done").code == 0
    assert all(delivered(world, number) for number in numbers)


def test_an_order_without_a_route_is_seen_and_goes_on_with_one(world: World) -> None:
    number = world.order(service=UNMAPPED)
    assert_seen("An order has no route", heard(world, "--once", "orders --parked"))
    assert len(world.said(number)) == 1
    world.configure(more=ROUTE)
    assert world.say("check").code == 0
    assert world.say("retry", f"tg:{number}").code == 0
    assert world.orders()[number].fulfilment == "desk"


def test_a_refused_and_a_failed_order_are_seen_and_ordered_anew(world: World) -> None:
    scripts = (Script(refuse=409, cause="Porten är upptagen"), Script(end="DONE_FAILED", message="Mörk fiber"))
    numbers = [world.order(script) for script in scripts]
    told = heard(world, "--once", *(f"show {number}" for number in numbers))
    assert_seen("An order is refused, or fails", told)
    assert "Porten är upptagen" in told
    assert "Mörk fiber" in told
    assert [(world.portal.status(number), len(world.said(number))) for number in numbers] == [("waiting", 1)] * 2
    for access in world.network.network.accesses.values():
        access.script = Script()
    assert world.say("retry", *numbers).code == 0
    world.say("--once")
    assert all(delivered(world, number) for number in numbers)


def test_an_overdue_order_is_seen_and_goes_on_by_itself_when_it_is_done(tmp_path: Path) -> None:
    with World(tmp_path, network_lines='deadline = "1h"') as world:
        number = world.order(Script(received_ticks=1))
        world.once()
        world.wait_out(2 * 3600)
        world.once()
        assert_seen("An order is overdue", heard(world, "orders --parked --json"))  # a table breaks lines
        world.network.tick()
        world.wait_out(3700)
        with world.engine() as engine:
            engine.run_pass()
        assert delivered(world, number)


def test_an_unreadable_order_is_seen_with_what_came_and_goes_on_when_it_can_be_read(world: World) -> None:
    number = world.order()
    world.portal.break_detail(number)
    assert_seen("An order is unreadable", heard(world, "--once", "orders --parked"))
    assert '"raw"' in heard(world, f"show {number} --json")
    world.portal.break_detail(number, "whole")
    assert world.say("reread", number).code == 0
    assert delivered(world, number)


def test_a_missing_order_is_seen_and_read_in_depth(world: World) -> None:
    world.say("--once")
    number = world.order(date="2026-11-20 10:00:00")
    assert_seen("An order is missing", heard(world, "verify"), besides=("verify",))
    assert world.say("reread", "tg").code == 0
    world.say("--once")
    assert delivered(world, number)


# --- the machine ----------------------------------------------------------------------------------------------


def overwrite(file: Path) -> None:
    size = file.stat().st_size
    file.write_bytes(file.read_bytes()[:4096] + b"\xff" * (size - 4096))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def test_a_damaged_database_is_seen_and_a_copy_brought_back_or_a_new_one_begun(world: World) -> None:
    first, second = world.order(KEPT), world.order(service=UNMAPPED)
    world.say("--once")
    copy, told = world.folder / "copy.db", ""
    assert world.say("backup", str(copy)).code == 0
    for spoil in (overwrite, cut):
        spoil(world.database)
        ran = world.say("--once")
        told += ran.out + ran.err
        assert ran.code == 1
        assert world.say("restore", str(copy)).code == 0
        assert world.say("--once").code == 0
        assert world.say("verify").code == 0
    assert_seen("The database is damaged", told)
    shutil.move(world.database, world.folder / "damaged.db")
    world.say("--once")
    assert world.orders().keys() == {first, second}
    assert len(world.network.activations()) == 1
    assert world.orders()[first].fulfilment_ref is not None


def test_a_locked_database_is_seen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "BUSY_MS", 50)
    number = world.order()
    world.say("--once")
    with closing(opening.sqlite_driver().connect(str(world.database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert_seen("The database is locked", heard(world, "--once"))
        assert number in heard(world, "orders", f"show {number}", "log")
        assert world.say("backup", str(world.folder / "copy.db")).code == 0
    assert world.say("--once").code == 0


def test_a_database_that_is_gone_is_seen_and_put_back(world: World) -> None:
    number, away = world.order(KEPT), world.folder / "away.db"
    with world.engine() as engine:
        engine.run_pass(once=True)
        world.database.rename(away)
        with pytest.raises(StoreError) as told:
            engine.run_pass(once=True)
    assert_seen("The database is gone", str(told.value))
    away.rename(world.database)
    assert world.say("--once").code == 0
    assert number in world.orders()


def test_a_second_syncer_is_seen_and_words_are_taken_down_all_the_same(world: World) -> None:
    number = world.order(service=UNMAPPED)
    world.say("--once")
    with world.engine():
        ran = world.say("--once")
        assert ran.code == 75
        assert_seen("Another syncer holds the store (exit code 75)", ran.err)
        for words in (["retry", number], ["reread", number], ["cancel", number], ["status"], ["show", number]):
            assert world.say(*words).code == 0, words
    world.say("--once")
    assert world.portal.status(number) == "cancelled"


@pytest.mark.parametrize("words", ["--once", "check", "run", "status"])
def test_a_wrong_configuration_is_seen(world: World, words: str) -> None:
    text = world.config_file.read_text(encoding="utf-8")
    world.config_file.write_text(text.replace("api_user", "api_usr"), encoding="utf-8")
    ran = world.say(words)
    assert ran.code == 78
    assert_seen("The configuration is wrong (exit code 78)", ran.err, besides=("config.rejected",))


# --- to do ----------------------------------------------------------------------------------------------------


def by_hand(world: World, copy: Path) -> None:
    for file in world.database.parent.glob("syncer.db*"):
        if file.suffix != ".lock":
            file.unlink()
    shutil.copyfile(copy, world.database)


def by_command(world: World, copy: Path) -> None:
    assert world.say("restore", str(copy)).code == 0


@pytest.mark.parametrize("back", [by_command, by_hand])
def test_a_copy_that_is_behind_is_brought_back_and_nothing_is_done_twice(
    world: World, back: Callable[[World, Path], None]
) -> None:
    copy = world.folder / "copy.db"
    world.once()
    waits, run = world.order(service=UNMAPPED), world.order(service=PROGRAM)
    assert world.say("backup", str(copy)).code == 0  # of a time before any of them
    world.say("--once")
    later = world.order(KEPT)
    world.say("--once")
    assert world.say("backup", str(copy), "--force").code == 0
    world.network.tick(100)
    world.say("--once")
    assert delivered(world, later)
    back(world, copy)
    world.say("--once")
    world.say("--once")
    assert delivered(world, later)
    assert world.told(later) == ["received", "active", "delivered"]
    assert len(world.network.activations()) == 1
    assert len(world.said(waits)) == 1
    assert world.orders()[run].park is Park.UNCERTAIN


def test_a_version_that_is_older_than_the_database_is_told_how_to_go_back(world: World) -> None:
    world.say("--once")
    with closing(opening.sqlite_driver().connect(str(world.database))) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    ran = world.say("--once")
    assert (ran.code, "made by a newer syncer" in ran.err) == (1, True)
    assert "`made by a newer syncer`" in PAGES
