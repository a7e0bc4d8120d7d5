"""backup, restore, recheck, reread, forget and links: what operators do with the store, also while the service runs."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from syncer.orders import Park
from syncer.simulators.on_api import Script
from syncer.store import Purpose, Store, StoreError
from syncer.store.connect import sqlite_driver
from tests.postgres import Server, postgres_fixture
from tests.ring.harness import UNMAPPED, World
from tests.store.filled import rows_of

__all__ = ["postgres_fixture"]
KEPT = Script(received_ticks=99)
PEOPLE = ("Kanåriet", "Burfågelström", "Fjädergränd", "burfagel@kanariemail.example")
CUSTOMER: dict[str, Any] = {"firstname": PEOPLE[0], "surname": PEOPLE[1], "address": PEOPLE[2], "email": PEOPLE[3]}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, at=None) as world:
        yield world


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def written(text: str) -> bytes:
    """As JSON in the database has it."""
    return json.dumps(text)[1:-1].encode()


def shows(folder: Path, *texts: str) -> dict[str, set[str]]:
    """Which of the texts stand in the bytes of each file of a folder."""
    found = {
        path.name: {text for text in texts if any(form in path.read_bytes() for form in (text.encode(), written(text)))}
        for path in folder.iterdir()
    }
    return {name: some for name, some in found.items() if some}


# --- backup ---------------------------------------------------------------------------------------------------


def test_a_backup_is_one_whole_file_made_while_another_syncer_holds_the_store(world: World) -> None:
    numbers = [world.order(KEPT) for _ in range(3)]
    copy = world.folder / "copies" / "one.db"
    copy.parent.mkdir()
    with world.engine() as engine:
        engine.run_pass(once=True)
        ran = world.say("backup", str(copy), "--json")
    assert ran.code == 0, ran
    assert (ran.json["file"], ran.json["bytes"]) == (str(copy), copy.stat().st_size)
    assert names(copy.parent) == ["one.db"]
    assert copy.stat().st_mode & 0o777 == 0o600
    with Store.open(f"sqlite:///{copy}", exclusive=False) as store:
        assert {order.external_id for order in store.orders()} == set(numbers)
    assert world.say("status", "--json").json["last_backup"]["file"] == str(copy)


def test_a_backup_replaces_nothing_unless_it_is_told_to(world: World) -> None:
    world.order()
    world.once()
    copy = world.folder / "copy.db"
    copy.write_text("something of value", encoding="utf-8")
    refused = world.say("backup", str(copy))
    assert (refused.code, "it is there already" in refused.err) == (1, True)
    assert copy.read_text(encoding="utf-8") == "something of value"
    assert world.say("backup", str(copy), "--force").code == 0
    assert copy.read_bytes().startswith(b"SQLite format 3")


def test_where_there_is_no_database_no_good_copy_is_replaced_by_an_empty_one(world: World) -> None:
    copy = world.folder / "copy.db"
    copy.write_text("a good copy", encoding="utf-8")
    ran = world.say("backup", "--force", str(copy))
    assert (ran.code, "there is no database yet" in ran.err) == (1, True)
    assert copy.read_text(encoding="utf-8") == "a good copy"
    assert not world.database.exists()


@pytest.mark.parametrize("command", ["forget", "recheck"])
def test_what_keeps_a_database_makes_none_where_there_is_none(world: World, command: str) -> None:
    ran = world.say(command)
    assert (ran.code, "there is no database yet" in ran.err) == (1, True)
    assert not world.database.exists()


def test_a_folder_that_may_not_be_entered_is_said_in_a_sentence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.once()

    def denied(_path: Path) -> bool:  # root may enter any
        raise PermissionError(13, "Permission denied")

    with Store.open(world.store_url, exclusive=False) as store, monkeypatch.context() as patched:
        patched.setattr(Path, "is_dir", denied)
        with pytest.raises(StoreError, match="Permission denied"):
            store.copy_to(world.folder / "copy.db", world.clock())


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("state/syncer.db", "the store's own file"),
        ("state/syncer.db-wal", "the store's own file"),
        ("nowhere/copy.db", "there is no folder"),
        ("state", "that is a folder"),
    ],
)
def test_a_backup_that_can_t_be_there_is_refused_with_what_to_do(world: World, where: str, why: str) -> None:
    world.order()
    world.once()
    before = world.database.read_bytes()
    ran = world.say("backup", "--force", str(world.folder / where))
    assert (ran.code, why in ran.err, "Traceback" in ran.err) == (1, True, False), ran.err
    assert world.database.read_bytes() == before


def test_a_backup_that_finds_no_room_leaves_nothing_half_made(world: World) -> None:
    for _ in range(5):
        world.order()
    world.once()
    copy = world.folder / "copies"
    copy.mkdir()
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000));"
    code = f"{limit} import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)"
    code += "; from syncer.cli import main; sys.exit(main(sys.argv[1:]))"
    ran = subprocess.run(
        [sys.executable, "-c", code, "--config", str(world.config_file), "backup", str(copy / "copy.db")],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert ran.returncode == 1
    assert re.search(r"copy\.db: .* — nothing of it is left; ", ran.stderr), ran.stderr
    assert names(copy) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 50_000


def test_what_a_killed_backup_left_is_in_nobody_s_way(world: World) -> None:
    world.order()
    world.once()
    (world.folder / ".copy.db.part").write_bytes(b"half a copy" * 1000)
    assert world.say("backup", str(world.folder / "copy.db")).code == 0
    assert [name for name in names(world.folder) if "copy" in name] == ["copy.db"]


def test_a_backup_goes_through_no_link_that_somebody_has_put_there(world: World) -> None:
    world.order()
    world.once()
    victim = world.folder / "victim"
    victim.write_text("of value", encoding="utf-8")
    (world.folder / ".copy.db.part").symlink_to(victim)
    ran = world.say("backup", str(world.folder / "copy.db"))
    assert (ran.code, victim.read_text(encoding="utf-8")) == (1, "of value")


def test_of_postgresql_it_says_how_it_is_copied_without_the_password(tmp_path: Path, postgres: Server) -> None:
    with World(tmp_path, at=None, store=postgres) as world:
        world.order()
        world.once()
        ran = world.say("backup", str(tmp_path / "copy.db"))
        assert (ran.code, names(tmp_path).count("copy.db")) == (1, 0)
        assert re.search(r"pg_dump --format=custom --file=FILE postgresql://", ran.err)
        assert "syncer recheck" in ran.err
        assert world.say("recheck").code == 0
        assert world.say("status", "--json").json["last_erasure"] is None


# --- restore --------------------------------------------------------------------------------------------------


def test_a_copy_is_brought_back_and_what_was_there_is_kept_beside(world: World) -> None:
    world.order(KEPT)
    world.once()
    copy = world.folder / "copy.db"
    assert world.say("backup", str(copy)).code == 0
    later = world.order(KEPT)
    world.once()
    ran = world.say("restore", str(copy))
    assert ran.code == 0, ran
    assert world.database.stat().st_mode & 0o777 == 0o600
    aside = [name for name in names(world.database.parent) if ".before-" in name]
    assert len(aside) == 1
    assert aside[0] in ran.out
    assert later not in world.orders()
    world.once()
    assert later in world.orders()
    assert len(world.network.activations()) == 2
    assert any("brought back from" in line for line in world.say("log").out.splitlines())


def test_nothing_is_brought_back_while_another_syncer_holds_the_store(world: World) -> None:
    world.order()
    world.once()
    copy = world.folder / "copy.db"
    assert world.say("backup", str(copy)).code == 0
    with world.engine():
        assert world.say("restore", str(copy)).code == 75
        assert world.say("recheck").code == 75


@pytest.mark.parametrize("what", ["text", "another database", "cut", "newer", "none", "itself"])
def test_what_is_no_copy_is_refused_and_the_store_stays_as_it_is(world: World, what: str) -> None:
    world.order()
    world.once()
    copy = world.folder / "copy.db"
    assert world.say("backup", str(copy)).code == 0
    spoil(copy, what)
    before, files = world.database.read_bytes(), names(world.database.parent)
    ran = world.say("restore", str(world.database if what == "itself" else copy))
    assert (ran.code, "Traceback" in ran.err, bool(ran.err)) == (1, False, True), ran.err
    assert (world.database.read_bytes(), names(world.database.parent)) == (before, files)


def spoil(copy: Path, what: str) -> None:
    match what:
        case "text":
            copy.write_text("no database " * 1000, encoding="utf-8")
        case "another database":
            copy.unlink()
            _run(copy, "CREATE TABLE other (x)")
        case "cut":
            copy.write_bytes(copy.read_bytes()[:40_000])
        case "newer":
            _run(copy, "UPDATE alembic_version SET version_num = '9999'")
        case "none":
            copy.unlink()


def _run(file: Path, statement: str) -> None:
    connection = sqlite_driver().connect(str(file))
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_plain_copy_of_the_files_may_be_brought_back_too(world: World) -> None:
    world.order(KEPT)
    world.once()
    copy = world.folder / "copy.db"
    shutil.copyfile(world.database, copy)
    world.order(KEPT)
    world.once()
    assert world.say("restore", str(copy)).code == 0
    world.once()
    assert len(world.orders()) == len(world.network.activations()) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
@pytest.mark.parametrize("left", [True, False])
def test_what_root_brings_back_belongs_to_the_service_s_user(world: World, left: bool) -> None:
    world.order()
    world.once()
    copy = world.folder / "copy.db"
    assert world.say("backup", str(copy)).code == 0
    for path in (world.database.parent, world.database):
        os.chown(path, 12345, 12345)
    if not left:
        world.forget()
    assert world.say("restore", str(copy)).code == 0
    assert (world.database.stat().st_uid, world.database.stat().st_gid) == (12345, 12345)


def test_after_recheck_what_failed_is_asked_about_again(world: World) -> None:
    number = world.order(Script(end="DONE_FAILED", message="Mörk fiber"))
    world.once()
    said = world.said(number)
    assert world.say("recheck").out == "1 open orders are looked up before anything is done about them\n"
    world.once()
    assert (world.orders()[number].park, world.said(number)) == (Park.FAILED, said)
    assert len(world.network.activations()) == 1


# --- reread ---------------------------------------------------------------------------------------------------


def test_reread_refuses_what_is_neither_an_order_nor_a_portal(world: World) -> None:
    world.once()
    assert world.say("reread", "nowhere").code == 2
    assert world.say("reread", "tg").code == 0


# --- forget ---------------------------------------------------------------------------------------------------


def test_forget_erases_what_is_old_enough_and_says_of_how_many(world: World) -> None:
    for _ in range(3):
        world.order(**CUSTOMER)
    kept = world.order(KEPT, **CUSTOMER)
    world.once()
    assert world.say("forget", "--json").json == {"erased": 0, "clean": True}
    _older(world)
    assert world.say("forget", "--json").json == {"erased": 3, "clean": True}
    assert rows_of(world.database, "SELECT count(*) FROM details") == [(1,)]
    assert world.say("forget", "--json").json["erased"] == 0
    assert world.say("status", "--json").json["last_erasure"]["erased"] == 3
    assert PEOPLE[1] in world.say("show", kept).out


def _older(world: World) -> None:
    """What has ended, has ended long ago."""
    before = world.clock() - timedelta(days=100)
    at = before.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    _run(world.database, f"UPDATE orders SET ended_at = '{at}' WHERE ended_at IS NOT NULL")  # noqa: S608


def test_after_forget_no_byte_of_a_person_is_in_any_file_though_a_service_runs(world: World) -> None:
    world.configure(level="info")
    for number in range(40):
        world.order(**CUSTOMER, note=f"{PEOPLE[0]} " * (number * 7 % 50))
    broken = world.order(**CUSTOMER)
    world.portal.break_detail(broken)
    world.once()
    world.portal.break_detail(broken, "whole")
    world.portal.change_status(broken, "cancelled")
    world.once()
    _older(world)
    with world.start("run", "--config", str(world.config_file)) as service:
        assert service.stdout is not None
        while "store.erased" not in service.stdout.readline():  # it has done so at its start
            assert service.poll() is None
        ran = world.say("forget")
        assert ran.code == 0, ran
        assert shows(world.database.parent, *PEOPLE) == {}
        service.terminate()
        service.communicate()
    assert (world.database.parent / "syncer.db").stat().st_size > 0


def test_the_search_finds_people_before_they_are_erased(world: World) -> None:
    world.order(KEPT, **CUSTOMER)
    world.once()
    assert shows(world.database.parent, *PEOPLE)["syncer.db"] == set(PEOPLE)


def test_while_others_read_what_was_erased_it_says_that_traces_are_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from syncer.cli import keeping

    monkeypatch.setattr(keeping, "PATIENCE", 0.2)
    world.order(**CUSTOMER)
    world.once()
    _older(world)
    reader = sqlite_driver().connect(str(world.database))
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM orders").fetchone()
    ran = world.say("forget")
    assert (ran.code, "traces are left" in ran.err) == (1, True)
    reader.close()
    assert world.say("forget").code == 0
    assert shows(world.database.parent, *PEOPLE) == {}


def test_one_person_s_orders_are_erased_at_once_when_they_have_ended(world: World) -> None:
    ended, open_, other = world.order(**CUSTOMER), world.order(service=UNMAPPED, **CUSTOMER), world.order(**CUSTOMER)
    world.once()
    refused = world.say("forget", f"tg:{open_}")
    assert (refused.code, "end it first" in refused.err) == (2, True)
    assert world.say("forget", f"tg:{ended}", "--json").json["erased"] == 1
    assert PEOPLE[1] not in world.say("show", f"tg:{ended}").out
    assert PEOPLE[1] in world.say("show", f"tg:{other}").out
    assert world.say("forget", "tg:nobody").code == 2


# --- whose the files are --------------------------------------------------------------------------------------


def test_every_file_is_for_the_service_s_user_alone_whatever_the_umask(world: World) -> None:
    world.order()
    before = os.umask(0)
    try:
        with world.start("run", "--config", str(world.config_file)) as service:
            while not world.database.with_name("syncer.db-shm").exists():
                assert service.poll() is None
            assert world.say("backup", str(world.folder / "state" / "copy.db")).code == 0
            modes = {path.name: path.stat().st_mode & 0o777 for path in world.database.parent.iterdir()}
            service.terminate()
            service.communicate()
    finally:
        os.umask(before)
    assert set(modes) == {"syncer.db", "syncer.db-wal", "syncer.db-shm", "syncer.db.lock", "copy.db"}
    assert set(modes.values()) == {0o600}
    assert world.database.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("umask", [0, 0o022])
def test_every_command_that_makes_a_file_makes_it_for_its_user_alone(world: World, umask: int) -> None:
    world.order()
    state, copy = world.database.parent, world.folder / "copy.db"
    before = os.umask(umask)
    try:
        for words in (["--once"], ["backup", str(copy)], ["restore", str(copy)], ["recheck"], ["--once"], ["forget"]):
            if words[0] == "restore":
                shutil.rmtree(state)
            assert world.say(*words).code == 0, words
            assert {path.name: mode(path) for path in state.iterdir() if mode(path) != 0o600} == {}, words
            assert mode(state) == 0o700, words
        assert mode(copy) == 0o600
        with world.reading(), world.reading() as store:
            assert world.say("--once").code == 0
            store.overview()
            made = {path.name: mode(path) for path in state.iterdir()}
    finally:
        os.umask(before)
    assert {"syncer.db", "syncer.db-wal", "syncer.db-shm", "syncer.db.lock"} <= made.keys()
    assert set(made.values()) == {0o600}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_check_tells_of_a_database_that_others_can_read(world: World) -> None:
    world.order()
    world.say("--once")
    assert "others can read" not in world.say("check").out
    world.database.chmod(0o644)
    world.database.parent.chmod(0o755)
    ran = world.say("check")
    assert (ran.code, f"note store: others can read {world.database}: chmod 600 {world.database}" in ran.out) == (
        0,
        True,
    )
    world.database.parent.chmod(0o700)
    assert "others can read" not in world.say("check").out  # they don't get as far as the file


# --- links ----------------------------------------------------------------------------------------------------


def test_links_tells_who_may_open_what_and_takes_it_back(world: World) -> None:
    number = world.order(KEPT)
    world.say("--once")
    name = f"tg:{number}"
    assert world.say("links", name).out == f"{name}: nobody was given a link\n"
    with Store.open(f"sqlite:///{world.database}", exclusive=False) as store:
        now = datetime.now(UTC)
        made = store.make_address(name, Purpose.PAGE, now, now + timedelta(hours=12))
        store.make_address(name, Purpose.FILE, now, now + timedelta(days=30), "a1")
        store.make_address(name, Purpose.FILE, now - timedelta(days=2), now - timedelta(days=1), "a2")
        assert made is not None
        told = world.say("links", name).out
        assert [word for word in ("page", "file a1", "until", "ended") if word not in told] == []
        found = world.say("links", number, "--json").json
        assert {(one["opens"], one["asset"]) for one in found["links"]} == {
            ("file", "a1"),
            ("file", "a2"),
            ("page", ""),
        }
        assert made not in told + str(found)
        assert world.say("links", name, "--revoke").out == f"{name}: 2 links were valid, and none is any more\n"
        assert store.address(made, Purpose.PAGE, now) is None
        assert "revoked" in world.say("links", name).out
    assert world.say("links", "tg:nobody").code == 2
