"""A PostgreSQL server to throw away: a cluster of its own in a temporary folder, and fresh migrated databases in it.

As a fixture: `from tests.postgres import postgres_fixture, postgres_url_fixture` gives a test module `postgres` (the
process's one server) and `postgres_url` (a database of the test's own). In a script: `with server() as pg:
pg.database()`. No claim about the program belongs here, and no server that somebody else started is ever touched.

Each pytest-xdist worker has a server of its own: one starts in about a second, and what one test does to its server
(a crash, a lock) is then no other worker's trouble.
"""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Any
from urllib.parse import urlsplit

import pytest

DEBIAN = Path("/usr/lib/postgresql")  # one folder for each major version
OLDEST = 15  # the oldest major version that the program promises to work with
PATIENCE = 60.0  # seconds for the server to start or to stop
PORTS = range(20_000, 32_000)  # below those that the system gives to whoever asks for any
ADMIN, PROGRAM = "postgres", "syncer"  # the superuser, by the socket only; the program's user owns its databases
TEMPLATE = "migrated"
UNPRIVILEGED = ("postgres", "nobody")  # whom the server runs as where we are root, which it refuses
# A linguistic order of texts and a zone that is not UTC: what holds here holds on a server with neither.
LOCALE = ("--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=sv-SE")
ZONE = "Europe/Stockholm"
ACCESS = f"local all all trust\nhost all {PROGRAM} 127.0.0.1/32 trust\n"
TABLES = """
    SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
# Ends the server, and removes its folder, when whoever holds this script's input is gone, however they went.
WATCHER = """
read -r word
[ "$word" = done ] && exit
[ -e "$1/data/postmaster.pid" ] && kill -INT "$(head -n 1 "$1/data/postmaster.pid")"
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -e "$1/data/postmaster.pid" ] || break; sleep 0.5; done
rm -rf -- "$1"
"""


class NotInstalled(Exception):
    """There is no PostgreSQL on this machine; the text says what to install."""


def programs() -> Path:
    """The folder of the newest PostgreSQL's programs: Debian's, or that of the one on the PATH."""
    found = {int(path.parts[-3]): path.parent for path in DEBIAN.glob("[0-9]*/bin/initdb")}
    if found and max(found) >= OLDEST:
        return found[max(found)]
    on_path = shutil.which("initdb")
    if on_path is None or shutil.which("postgres") is None:
        raise NotInstalled("PostgreSQL is not installed: apt-get install postgresql")
    return Path(on_path).resolve().parent


class Server:
    """A cluster and its server; `start` and `stop` may be said again. The databases are for the user `syncer`."""

    def __init__(self, folder: Path, *, durable: bool = True, settings: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.port = 0
        self._as = _who()
        self._settings = {"timezone": ZONE} | ({} if durable else QUICK) | (settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0

    # --- the server ---------------------------------------------------------------------------------------------

    def make(self) -> None:
        """Makes the cluster."""
        self._run("initdb", "-D", str(self._data), "-U", ADMIN, "--no-sync", "--no-instructions", *LOCALE)
        (self._data / "pg_hba.conf").write_text(ACCESS, encoding="ascii")

    def start(self) -> None:
        """Starts the server, at the port that it had before if it had one, and returns when it answers."""
        ports = [self.port] if self.port else [_free_port() for _ in range(5)]
        for self.port in ports:  # another program may take a port between our look and the server's
            if self._starts():
                return
        raise RuntimeError(f"PostgreSQL didn't start: {self.log()[-2000:]}")

    def stop(self) -> None:
        """Ends the server as its operator would: clients are sent away, and everything is written down."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """Ends the server at once, as a power cut would but for what the disk itself would lose."""
        self._end(signal.SIGQUIT)

    def restart(self, settings: dict[str, str] | None = None) -> None:
        """Stops and starts it, with other settings where some are given."""
        self.stop()
        if settings is not None:
            self._settings = {"timezone": ZONE} | settings
        self.start()

    def log(self) -> str:
        """What the server has written."""
        file = self.folder / "log"
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    @property
    def pid(self) -> int | None:
        """The server's process, while it runs."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _starts(self) -> bool:
        options = self._settings | {"port": str(self.port), "listen_addresses": "127.0.0.1"}
        options["unix_socket_directories"] = str(self.folder)
        words = [f"--{name}={value}" for name, value in options.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [programs() / "postgres", "-D", self._data, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # an interrupt at the terminal is ours to hear, and then to pass on
                **self._as,
            )
        return self._answers()

    def _answers(self) -> bool:
        import psycopg

        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.pid is not None:
            with suppress(psycopg.OperationalError), self.admin("postgres"):
                return True
            time.sleep(0.02)
        self._end(signal.SIGQUIT)
        return False

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(how)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _run(self, program: str, *words: str) -> None:
        ran = subprocess.run(
            [programs() / program, *words], capture_output=True, text=True, check=False, cwd="/", **self._as
        )
        if ran.returncode:
            raise RuntimeError(f"{program}: {ran.stderr}")

    # --- databases ----------------------------------------------------------------------------------------------

    @contextmanager
    def admin(self, database: str) -> Iterator[Any]:
        """A connection of the superuser's, each statement of which is a transaction."""
        import psycopg

        with psycopg.connect(
            host=str(self.folder), port=self.port, user=ADMIN, dbname=database, autocommit=True
        ) as connection:
            yield connection

    def database(self, *, migrated: bool = True) -> str:
        """The URL of a database that nobody has used, with the program's tables in it unless they are not wanted."""
        if migrated:
            self._make_template()
        self._made += 1
        name = f"fresh_{self._made}"
        self._create(name, TEMPLATE if migrated else "template1")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Removes a database, whoever is connected to it."""
        with self.admin("postgres") as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{urlsplit(url).path[1:]}" WITH (FORCE)')

    def empty(self, url: str) -> None:
        """Makes a migrated database as good as a fresh one, for those who need very many."""
        with self.admin(urlsplit(url).path[1:]) as connection:
            tables = connection.execute(TABLES).fetchone()[0]
            connection.execute(f"TRUNCATE {tables} RESTART IDENTITY")

    def url(self, name: str) -> str:
        """The address of a database, for the program."""
        return f"postgresql+psycopg://{PROGRAM}@127.0.0.1:{self.port}/{name}"

    def _create(self, name: str, template: str) -> None:
        with self.admin("postgres") as connection:
            connection.execute(f'CREATE DATABASE "{name}" OWNER {PROGRAM} TEMPLATE "{template}"')

    def _make_template(self) -> None:
        from syncer.store import Store

        with self.admin("postgres") as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone():
                return
        self._create(TEMPLATE, "template1")
        Store.open(self.url(TEMPLATE)).close()


@contextmanager
def server(*, durable: bool = True, settings: dict[str, str] | None = None) -> Iterator[Server]:
    """A running server, which is gone afterwards, also if this process is killed.

    Its commits are on the disk when they return, as in production, unless `durable` says otherwise.
    """
    programs()
    folder = _folder()
    watcher = subprocess.Popen(
        ["/bin/sh", "-c", WATCHER, "sh", str(folder)],
        stdin=subprocess.PIPE,
        start_new_session=True,
        cwd="/",
        **_who(),
    )
    made = Server(folder, durable=durable, settings=settings)
    try:
        made.make()
        made.start()
        with made.admin("postgres") as connection:
            connection.execute(f"CREATE ROLE {PROGRAM} LOGIN")
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)
        watcher.communicate(b"done\n")


def _folder() -> Path:
    """A folder of the server's user's own, whose path is short enough for a socket in it (107 bytes)."""
    within = gettempdir() if len(gettempdir()) < 60 else "/tmp"  # noqa: S108 - mkdtemp makes a private one in it
    folder = Path(mkdtemp(prefix="syncer-pg-", dir=within))
    user = _who().get("user")
    if user is not None:
        os.chown(folder, user, -1)
    return folder


def _who() -> dict[str, Any]:
    """The user to start the server as, as subprocess wants it; nothing where we are not root."""
    if os.geteuid() != 0:
        return {}
    for name in UNPRIVILEGED:
        with suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise NotInstalled(f"PostgreSQL refuses to run as root, and there is no user {' or '.join(UNPRIVILEGED)}")


def _free_port() -> int:
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


# --- for pytest -----------------------------------------------------------------------------------------------

_RUNNING: dict[str, Server] = {}  # the process's one, whichever module's fixture asked first


@pytest.fixture(scope="session", name="postgres")
def postgres_fixture(request: pytest.FixtureRequest) -> Server:
    """This process's server, durable as in production."""
    if "server" not in _RUNNING:
        _RUNNING["server"] = _begun(request.config)
    return _RUNNING["server"]


@pytest.fixture(name="postgres_url")
def postgres_url_fixture(postgres: Server) -> Iterator[str]:
    """The URL of a database of the test's own, migrated and empty."""
    url = postgres.database()
    yield url
    postgres.drop(url)


def _begun(config: pytest.Config) -> Server:
    lives = server()
    try:
        made = lives.__enter__()
    except NotInstalled as why:
        _do_without(str(why))
    config.add_cleanup(lambda: _over(lives))
    return made


def _over(lives: Any) -> None:
    _RUNNING.clear()
    lives.__exit__(None, None, None)


def _do_without(why: str) -> Any:
    """Skips; fails where CI has to have what it tests."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)
