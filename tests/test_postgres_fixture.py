"""Claims about the PostgreSQL server of the tests: it is as in production, and it is gone afterwards."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from syncer.store import Store
from tests import postgres as given
from tests.postgres import NotInstalled, Server, postgres_fixture, postgres_url_fixture, server
from tests.store.filled import ingest

__all__ = ["postgres_fixture", "postgres_url_fixture"]

ENDS_NEVER = """
from tests.postgres import server
with server(durable=False) as pg:
    print(pg.folder, pg.pid, flush=True)
    input()
"""
PATIENCE = 60.0


def _says(url: str, query: str) -> object:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    return None if row is None else row[0]


def test_a_fresh_database_is_migrated_and_empty_and_nobody_else_s(postgres: Server) -> None:
    urls = [postgres.database() for _ in range(2)]
    with Store.open(urls[0]) as one, Store.open(urls[1]) as other:
        assert one.orders() == []
        ingest(one, "1")
        assert [order.external_id for order in one.orders()] == ["1"]
        assert other.orders() == []
    for url in urls:
        postgres.drop(url)


def test_a_database_without_tables_is_there_for_who_migrates(postgres: Server) -> None:
    url = postgres.database(migrated=False)
    assert _says(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    Store.open(url).close()
    assert _says(url, "SELECT version_num FROM alembic_version") is not None
    postgres.drop(url)


def test_a_dropped_database_is_gone_though_somebody_is_connected(postgres: Server) -> None:
    url = postgres.database()
    with Store.open(url) as store:
        assert store.orders() == []
        postgres.drop(url)
    with postgres.admin("postgres") as connection:
        names = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
    assert url.rpartition("/")[2] not in names


def test_an_emptied_database_is_like_a_fresh_one(postgres: Server, postgres_url: str) -> None:
    with Store.open(postgres_url) as store:
        ingest(store, "1")
        postgres.empty(postgres_url)
        assert store.orders() == []
        ingest(store, "2")
    assert _says(postgres_url, "SELECT id FROM orders") == 1
    assert _says(postgres_url, "SELECT version_num FROM alembic_version") is not None


@pytest.mark.parametrize("name", ["fsync", "synchronous_commit", "full_page_writes"])
def test_what_is_committed_is_on_the_disk_as_in_production(postgres: Server, postgres_url: str, name: str) -> None:
    assert _says(postgres_url, f"SHOW {name}") == "on"


def test_a_quick_server_is_asked_for_and_says_so() -> None:
    with server(durable=False) as pg:
        assert [_says(pg.url("postgres"), f"SHOW {name}") for name in given.QUICK] == ["off"] * len(given.QUICK)


def test_the_program_s_user_is_no_superuser_and_the_server_is_not_root(postgres: Server, postgres_url: str) -> None:
    assert _says(postgres_url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    assert postgres.pid is not None
    assert Path("/proc", str(postgres.pid)).stat().st_uid != 0


def test_the_superuser_can_not_come_in_over_the_network(postgres: Server) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        _says(postgres.url("postgres").replace("syncer@", "postgres@"), "SELECT 1")


def test_the_server_s_zone_is_not_utc_and_its_order_of_texts_is_swedish(postgres_url: str) -> None:
    """So that what depends on the server's zone or language is found here."""
    assert _says(postgres_url, "SHOW timezone") == "Europe/Stockholm"
    assert (
        _says(postgres_url, "SELECT string_agg(x, '' ORDER BY x) FROM unnest(ARRAY['ö','Z','a','å','B']) x") == "aBZåö"
    )


def test_a_server_that_crashed_comes_back_at_the_same_address_with_what_was_committed() -> None:
    with server() as pg:
        url = pg.database()
        with Store.open(url) as store:
            ingest(store, "1")
        pg.crash()
        assert pg.pid is None
        with pytest.raises(psycopg.OperationalError):
            _says(url, "SELECT 1")
        pg.start()
        assert _says(url, "SELECT external_id FROM orders") == "1"
        assert "automatic recovery" in pg.log()


def test_nothing_is_left_of_a_server_afterwards() -> None:
    with server(durable=False) as pg:
        pid, folder = pg.pid, pg.folder
        assert folder.is_dir()
    assert pid is not None
    assert not Path("/proc", str(pid)).exists()
    assert not folder.exists()


def test_nothing_is_left_of_a_server_whose_test_run_was_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDS_NEVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        folder, pid = run.stdout.readline().split()
        os.kill(run.pid, signal.SIGKILL)
    assert _until(lambda: not Path(folder).exists())
    assert _until(lambda: not _alive(int(pid)))


def _until(holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < until:
        time.sleep(0.05)
    return holds()


def _alive(pid: int) -> bool:
    """Whether a process runs; one that has ended but that nobody has asked about since doesn't."""
    try:
        return Path("/proc", str(pid), "stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_port_that_is_taken_is_not_waited_for(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    free = iter([postgres.port, given._free_port()])
    monkeypatch.setattr(given, "_free_port", lambda: next(free, given.PORTS[0]))
    with server(durable=False) as pg:
        assert pg.port != postgres.port


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_without_postgresql_its_tests_are_skipped_and_say_why_but_fail_where_they_must_run(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setattr(given, "programs", _missing)
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="apt-get install postgresql"):
        given._begun(pytestconfig)


def _missing() -> Path:
    raise NotInstalled("PostgreSQL is not installed: apt-get install postgresql")


def test_a_machine_without_its_programs_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given, "DEBIAN", Path("/nowhere"))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NotInstalled, match="apt-get install postgresql"):
        given.programs()
