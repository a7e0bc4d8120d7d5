"""A stranger's path: from a bare Debian to a running service that is watched, by the README's own words alone.

What is typed is taken out of the README. What a stranger has to fill in is filled in here, and nothing more.
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.ring.harness import DESK, KEY, PASSWORD, World, assert_nothing_twice
from tests.systemd.machine import REPOSITORY, Machine, booted, lacking
from tests.systemd.server import OFFLINE, free_port

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TYPED = {"apt-get install": "y\n", "credentials/xsp_key": f"{KEY}\n", "credentials/nordnet_password": f"{PASSWORD}\n"}


def section(title: str) -> str:
    """A chapter of the README, of whatever depth."""
    depth = re.search(rf"^(#+) {re.escape(title)}\n", README, re.MULTILINE)
    assert depth is not None, title
    found = re.compile(rf"(.*?)(?=^#{{1,{len(depth[1])}}} |\Z)", re.MULTILINE | re.DOTALL).match(README, depth.end())
    assert found is not None, title
    return found[1]


def blocks(title: str, kind: str) -> list[str]:
    return [text for found, text in BLOCK.findall(section(title)) if found == kind]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a stranger clones: this version of the repository, as one commit."""
    folder = tmp_path_factory.mktemp("clones")
    work = folder / "work"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        if (REPOSITORY / name).exists():
            shutil.copy2(REPOSITORY / name, work / name)
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "core.hooksPath=/dev/null")
    for words in (("init", "--quiet"), ("add", "--all", "--force"), (*who, "commit", "--quiet", "--message=all")):
        subprocess.run(["git", *words], cwd=work, check=True)
    subprocess.run(["git", "clone", "--quiet", "--bare", str(work), str(folder / "syncer.git")], check=True)
    return folder


@pytest.fixture(scope="module")
def bare(clone: Path) -> Iterator[Machine]:
    why = lacking()
    if why is not None:
        assert not os.environ.get("CI"), why
        pytest.skip(why)
    with booted("bare", f"--bind-ro={clone}:/clones") as found:
        yield found


def configuration(world: World, port: int) -> str:
    """What the README says to write, with the addresses of our world, and secrets as it says for a server."""
    told = blocks("Your first configuration, in ten minutes", "toml")
    text = "".join([*told[:2], *blocks("The status page, health and metrics", "toml")])
    filled = {
        "https://www.stadsnatsportalen.se": f"{world.host.url}/xsp",
        "https://nordnet.example": f"{world.host.url}/nordnet",
        '{ file = "xsp.secret" }': '{ credential = "xsp_key" }',
        '{ file = "nordnet.secret" }': '{ credential = "nordnet_password" }',
        "since = 2026-11-01": f"since = {world.clock():%Y-%m-%d}",
        "127.0.0.1:8321": f"127.0.0.1:{port}",
    }
    for before, after in filled.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


class Shell:
    """Root's shell on the machine, which stays in the folder that it went to."""

    def __init__(self, machine: Machine, port: int) -> None:
        self._machine, self._port, self._at = machine, port, "/srv"

    def type(self, line: str) -> str:
        """Types a line of the README's, with what is asked for after it; what it prints."""
        typed = next((text for words, text in TYPED.items() if words in line), "")
        line = line.replace("URL-OF-THIS-REPOSITORY", "/clones/syncer.git").replace(":8321", f":{self._port}")
        script = 'cd "$1" && eval "$2" && pwd >/run/stands'
        done = self._machine.run("sh", "-c", script, "-", self._at, line, typed=typed, **OFFLINE)
        assert done.returncode == 0, f"{line}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        self._at = self._machine.do("cat", "/run/stands").strip()
        return done.stdout


def is_delivered(world: World, number: str) -> bool:
    return bool(world.portal.status(number) == "delivered")


@contextmanager
def scraping(port: int, folder: Path) -> Iterator[str]:
    """A real Prometheus with what docs/metrics.md says; its address."""
    found = re.search(r"```yaml\n(.*?)```", (REPOSITORY / "docs/metrics.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    text = "global: { scrape_interval: 1s }\n" + found[1].replace("127.0.0.1:8321", f"127.0.0.1:{port}")
    (folder / "prometheus.yml").write_text(text, encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    words = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
    with subprocess.Popen(
        ["prometheus", *words, f"--web.listen-address={address}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield f"http://{address}"
        finally:
            process.terminate()


def metric(address: str, query: str) -> str | None:
    """What Prometheus answers to a query; None where it has nothing."""
    try:
        found = json.loads(requests.get(f"{address}/api/v1/query", {"query": query}, timeout=20).text)["data"]["result"]
    except requests.ConnectionError:  # it has not begun to listen
        return None
    return str(found[0]["value"][1]) if found else None


def test_from_a_bare_debian_the_readme_leads_to_a_service_that_delivers_and_is_watched(
    bare: Machine, tmp_path: Path
) -> None:
    for name in ("git", "make", "python3", "curl", "syncer"):
        assert bare.run("sh", "-c", f"command -v {name}").returncode != 0, f"{name} is there already"
    port = free_port()
    shell = Shell(bare, port)
    packages, clone, secrets, readable, start, watch = blocks("On a server", "sh")
    with World(tmp_path, at=None) as world:
        for line in (packages + clone + secrets).splitlines():
            shell.type(line)
        bare.write("/etc/syncer/syncer.toml", configuration(world, port), "600")
        before = [world.order(), world.order(service=DESK)]
        for line in (readable + start).splitlines():
            shell.type(line)
        bare.wait_for(lambda: is_delivered(world, before[0]), lambda: "\n".join(bare.journal("syncer")[-20:]))
        told = "".join(shell.type(line) for line in watch.splitlines())
        assert "active (running)" in told
        assert re.search(r'^syncer_orders\{state="delivered"\} 1\.0$', told, re.MULTILINE)
        if shutil.which("prometheus") is not None:
            with scraping(port, tmp_path) as address:
                until = time.monotonic() + 60
                while metric(address, "up") != "1" or metric(address, "sum(syncer_orders)") != "2":
                    assert time.monotonic() < until, "Prometheus has not found it"
                    time.sleep(0.25)
        shell.type(f"syncer deliver tjansteguiden:{before[1]}")
        bare.wait_for(lambda: is_delivered(world, before[1]))
        assert_nothing_twice(world)
    bare.do("sh", "-c", "cd /srv/syncer && make uninstall", **OFFLINE)
