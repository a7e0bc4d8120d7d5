"""docs/operating.md tried, of KODE: each trouble is made, what its page quotes is seen, and what it says mends it."""

import errno
import json
import re
import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
import requests

from syncer.orders import FileState
from syncer.simulators.host import Fault
from syncer.simulators.kode.model import File
from tests.cli.test_troubles import PAGES, assert_seen, heard
from tests.ring.harness import World
from tests.ring.kode import PLACE, PLACED, SECRET, KodeWorld, assert_files_are_right
from tests.systemd.server import free_port

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[KodeWorld]:
    with KodeWorld(tmp_path, at=None, level="info", lines='max_file_size = "3kB"') as world:
        yield world


def changed(world: World, old: str, new: str) -> None:
    text = world.config_file.read_text(encoding="utf-8")
    assert old in text
    world.config_file.write_text(text.replace(old, new), encoding="utf-8")


def states(world: KodeWorld, number: str) -> list[FileState]:
    return sorted(file.state for file in world.files(number))


def test_a_file_that_cannot_be_kept_is_seen_and_kept_once_it_may(world: KodeWorld) -> None:
    there = world.host.url_of("/kode-files").replace("127.0.0.1", "localhost")
    number = world.place(File(), File(size=5000))
    elsewhere = world.kode.add_file(int(number), id="far", url=f"{there}/files/0/far")
    world.kode.change_status(int(number), "FINISHED")
    told = heard(world, "--once", f"files {number} --json", f"show {number}")
    assert_seen("A file can't be kept", told)
    assert all(words in told for words in ("is larger than max_file_size", "which is not ours"))
    assert states(world, number) == [FileState.KEPT, FileState.REFUSED, FileState.REFUSED]
    changed(world, '"3kB"', '"9kB"\ndownload_hosts = ["localhost"]')
    assert world.say("check").code == 0
    assert world.say("retry", f"kode:{number}").code == 0
    assert states(world, number) == [FileState.KEPT] * 3
    assert world.known(number).park is None
    assert world.on_disk() == world.expected()
    assert [leak["where"] for leak in world.kode.leaks()] == ["kode-files"]  # whoever is named gets the token
    assert elsewhere == "far"


def test_one_may_do_without_a_file(world: KodeWorld) -> None:
    number = world.place(File(), File(size=5000))
    world.kode.change_status(int(number), "FINISHED")
    assert world.say("--once").code == 1
    assert world.say("deliver", f"kode:{number}").code == 0
    assert world.say("--once").code == 0
    assert (world.known(number).park, world.known(number).state) == (None, "delivered")
    assert states(world, number) == [FileState.KEPT, FileState.REFUSED]
    world.kode.add_file(int(number), File())
    assert world.say("--once").code == 0
    assert len(world.on_disk()) == 1
    assert_files_are_right(world)


def test_an_order_that_stays_parked_for_a_file_gets_its_others(world: KodeWorld) -> None:
    number = world.place(File(size=5000))
    world.kode.change_status(int(number), "FINISHED")
    assert world.say("--once").code == 1
    world.kode.add_file(int(number), File())
    world.say("reread", f"kode:{number}")  # or as a push would, or a minute later
    assert states(world, number) == [FileState.KEPT, FileState.REFUSED]
    assert world.known(number).parked is not None
    assert_files_are_right(world)


@pytest.mark.parametrize("word", ["done", "not-done"])
def test_an_order_that_kode_may_have_is_seen_and_a_person_settles_it(world: KodeWorld, word: str) -> None:
    number = world.order(None, service=PLACED, **PLACE)
    world.host.fault(Fault.RESET_AFTER if word == "done" else Fault.RESET_BEFORE, "kode", "orders.create")
    assert_seen("KODE may or may not have the order", heard(world, "--once", "orders --parked --json"))
    found = [str(made["order"]) for made in world.kode.created()]
    assert world.say("resolve", f"tg:{number}", word, *(("--ref", found[0]) if found else ())).code == 0
    (made,) = world.kode.created()
    world.kode.change_status(made["order"], "FINISHED")
    world.say("--once")
    assert world.portal.status(number) == "delivered"
    assert len(world.kode.created()) == 1


@pytest.mark.parametrize("secret", ["client", "kode"])
def test_wrong_credentials_of_kode_are_seen_and_mended(world: KodeWorld, secret: str) -> None:
    file = world.folder / f"{secret}.secret"
    right = file.read_text(encoding="utf-8")
    number, watched = world.order(None, service=PLACED, **PLACE), world.place(File())
    file.write_text("another", encoding="utf-8")
    told = heard(world, "--once", "check")
    assert_seen("KODE refuses our credentials", told)
    assert re.search(r"bad +kode: ", told)
    assert re.search(r"bad +kode_orders: ", told)
    assert "another" not in told
    file.write_text(right, encoding="utf-8")
    assert world.say("check").code == 0
    assert world.say("--once").code == 0
    assert world.portal.status(number) == "active"
    assert states(world, watched) == [FileState.KEPT]


def test_a_push_that_was_missed_costs_nothing_and_can_be_made_good(world: KodeWorld) -> None:
    known = world.place()
    world.say("--once")
    world.kode.add_file(int(known), File())  # and no push of it
    shown = world.say("show", f"kode:{known}", "--json").json
    assert shown["next"]["at"] is not None
    assert_seen("A push was missed", json.dumps(shown))
    assert world.say("reread", f"kode:{known}").code == 0
    assert states(world, known) == [FileState.KEPT]
    unheard = str(world.kode.add_order())
    assert f"kode:{unheard}" not in world.say("orders").out
    assert world.say("kode", "watch", unheard).code == 0
    assert world.known(unheard).state == "received"


def test_a_full_disk_for_files_is_seen_and_the_file_is_fetched_once_there_is_space(
    world: KodeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = world.place(File())
    assert world.say("--once").code == 0
    late = world.kode.add_file(int(number), File(size=2_900))
    monkeypatch.setattr("syncer.files.part.tapped", full)
    told = " ".join(heard(world, "--once", f"show {number}").split())
    assert_seen("The disk for files is full", told)
    assert FileState.WANTED in states(world, number)
    assert not list(world.root.rglob(".part*"))
    monkeypatch.undo()
    assert world.say("--once").code == 0
    assert states(world, number) == [FileState.KEPT, FileState.KEPT]
    assert world.kode.digest(late) in world.on_disk().values()
    assert_files_are_right(world)


def full(_: object, effect: str) -> AbstractContextManager[None]:
    """In place of what surrounds each effect on the disk: none that writes is possible."""
    if effect == "file.write":
        raise OSError(errno.ENOSPC, "No space left on device")
    return nullcontext()


def test_a_file_that_was_changed_or_deleted_is_seen_and_fetched_again(world: KodeWorld) -> None:
    number = world.place(File(), File())
    assert world.say("--once").code == 0
    changed_one, deleted = sorted(world.root.rglob("*.pdf"))
    changed_one.write_bytes(b"mine now")
    deleted.unlink()
    assert_seen("A file was changed or deleted here", heard(world, "verify --json"), besides=("verify",))
    assert world.say("files", f"kode:{number}", "--again").code == 0
    world.say("--once")
    assert_files_are_right(world)
    assert world.say("verify").code == 0


def test_after_the_database_is_lost_kodes_orders_are_named_again_by_their_folders(world: KodeWorld) -> None:
    number = world.place(File(), File())
    assert world.say("--once").code == 0
    before = world.on_disk()
    world.database.rename(world.folder / "damaged.db")
    assert world.say("--once").code == 0
    assert world.say("orders", "--json").json == []
    assert [path.name for path in world.root.iterdir()] == [f"kode:{number}"]
    assert world.say("kode", "watch", number).code == 0
    assert (states(world, number), world.on_disk()) == ([FileState.KEPT] * 2, before)
    assert_files_are_right(world)


def test_the_pushes_address_answers_a_stranger_as_the_page_says(tmp_path: Path) -> None:
    port = free_port()
    web = f'\n[web]\nlisten = "127.0.0.1:{port}"\n'
    with KodeWorld(tmp_path, at=None, level="info", more=web) as world, world.start("run") as service:
        number = world.kode.add_order()
        assert service.stdout is not None
        while "web.started" not in service.stdout.readline():
            assert service.poll() is None
        table = dict(
            re.findall(r"^\| (\d+)\S* \| (.*) \|$", page("Set up pushes behind a reverse proxy"), re.MULTILINE)
        )
        body = tried().replace("7000001", str(number))
        headers = {"Content-Type": "application/json", "Host": "syncer.example"}  # a proxy's
        for secret, sent, status in (
            ("wrong" + SECRET, body, 404), (SECRET, "[]", 400), (SECRET, "x" * 70_000, 413), (SECRET, body, 200),
        ):  # fmt: skip
            url = f"http://127.0.0.1:{port}/push/kode/{secret}"
            with requests.Session() as session:
                assert session.post(url, sent, headers=headers, timeout=20).status_code == status
            assert str(status) in table
        while f"kode:{number}" not in service.stdout.readline():
            assert service.poll() is None
        service.terminate()
        service.communicate()
    assert world.kode.state()["orders"][0]["order"] == number


def page(title: str) -> str:
    return PAGES.partition(f"\n### {title}\n")[2].partition("\n### ")[0]


def tried() -> str:
    """The body that the page has one send."""
    found = re.search(r"-d '([^']+)'", page("Set up pushes behind a reverse proxy"))
    assert found is not None
    return found[1]


def test_the_readmes_account_and_commands_work(tmp_path: Path) -> None:
    """What the README has one write and type works, once the file says where KODE is and whose account it is."""
    with KodeWorld(tmp_path, at=None) as world:
        section = README.partition("\n## Property data from KODE\n")[2].partition("\n## ")[0]
        found = re.search(r"^```toml\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
        assert found is not None
        own = world.config_file.read_text(encoding="utf-8").partition("[portals.kode]")[0]
        text = found[1].replace("https://beta-api.ambita.com", f"{world.host.url}/kode").replace("tjansteguiden", "tg")
        given = world.kode.tokens.credentials
        text = text.replace('"acme"', f'"{given.client_id}"').replace("WI99990777", "WI99990101")
        for name, secret in (("client", given.client_secret), ("user", given.password), ("push", SECRET)):
            (world.folder / f"kode_{name}.secret").write_text(secret, encoding="utf-8")
            (world.folder / f"kode_{name}.secret").chmod(0o600)
        world.config_file.write_text(own + text, encoding="utf-8")
        where = {"cadastre": "9999-12-34-0-0", "address": "Infoveien 1", "zip": "9999", "city": "Infoland"}
        number = world.order(None, service="3500", **where)
        assert world.say("check").code == 0
        assert world.say("--once").code == 0
        (made,) = world.kode.created()
        assert made["technical_reference"] == f"tg.{number}.s1"
        typed = [line for line in section.splitlines() if line.startswith("syncer kode ")]
        assert [line.split()[2] for line in typed] == ["products", "order", "watch"]
        for line in typed:
            words = shlex.split(line.replace("WI99990777", "WI99990101"))[1:]
            ran = world.say(*words, *(["--yes"] if "order" in words else []))
            assert ran.code == 0, ran.out + ran.err
        assert [made["reference"] for made in world.kode.created()] == [made["reference"], "OPPDRAG-42"]
