"""Files of an account at KODE: how fast they come, against a bare loop in threads, and the memory that a large one
takes.

Each is fetched by a process of its own, from a simulated KODE in another one.
"""

import os
import statistics
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from syncer.simulators.kode import Credentials
from tests.benchmarks.account import running
from tests.benchmarks.disk import on_disk
from tests.benchmarks.figures import Figure
from tests.benchmarks.fresh import ran

AT_ONCE = 5  # files on their way at the same time: the configured four of an order, and one more of another's
LEAST, MOST = 0.90, 120.0  # of the bare loop's rate; MB of memory
PART = 65_536
TOKEN = "/kode/authentication/v2/token"
CONFIGURATION = """
[portals.kode]
kind = "kode"
url = "{url}/kode/kode/v1"
token_url = "{url}/kode/authentication/v2/token"
client_id = "acme-client"
client_secret = {{ file = "client.secret" }}
username = "acme-api"
password = {{ file = "kode.secret" }}
parallel = {parallel}
rate = 1000
max_file_size = "3GB"
file_timeout = "30m"
"""


def _prepared(folder: Path, url: str) -> Path:
    known = Credentials()
    for name, text in {"client": known.client_secret, "kode": known.password}.items():
        (folder / f"{name}.secret").write_text(text)
        (folder / f"{name}.secret").chmod(0o600)
    file = folder / "syncer.toml"
    file.write_text(CONFIGURATION.format(url=url, parallel=AT_ONCE - 1))
    return file


# --- what a process does ------------------------------------------------------------------------------------------


def ours(folder: Path, url: str, numbers: Sequence[str], bytes_in_all: int) -> dict[str, float]:
    """The seconds of one pass, from when the orders are named until their files are kept."""
    from tests.benchmarks.idle import engine

    with engine(_prepared(folder, url)) as one:
        one.room.store.watch("kode", numbers, one.room.now())
        began = time.perf_counter()
        summary = one.run_pass(once=True)
        seconds = time.perf_counter() - began
    assert summary.problems == (), summary
    assert _size(folder / "state" / "files") == bytes_in_all
    return {"seconds": seconds}


def bare(folder: Path, url: str, numbers: Sequence[str], bytes_in_all: int, *, sync: bool = False) -> dict[str, float]:
    """The seconds of a loop that fetches the same in as many threads, and writes it; to the disk, with `sync`."""
    import requests

    own = threading.local()

    def session() -> requests.Session:
        if not hasattr(own, "session"):
            own.session = requests.Session()
            own.session.headers["Authorization"] = f"Bearer {token}"
        made: requests.Session = own.session
        return made

    def fetch(place: str, file: Path) -> None:
        with session().get(place, stream=True, timeout=60) as answer, file.open("wb") as out:
            answer.raise_for_status()
            for part in answer.iter_content(PART):
                out.write(part)
            if sync:
                out.flush()
                os.fsync(out.fileno())

    began = time.perf_counter()
    known = Credentials()
    asked = {"grant_type": "password", "client_id": known.client_id, "client_secret": known.client_secret}
    asked |= {"username": known.username, "password": known.password}
    token = requests.post(url + TOKEN, json=asked, timeout=60).json()["access_token"]
    places = [
        place for number in numbers for place in _places(session().get(f"{url}/kode/kode/v1/orders/{number}").json())
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(fetch, places, [folder / f"{number}.bin" for number in range(len(places))]))
    seconds = time.perf_counter() - began
    assert sum(file.stat().st_size for file in folder.glob("*.bin")) == bytes_in_all
    return {"seconds": seconds}


def _places(tree: dict[str, list[dict[str, list[dict[str, str]]]]]) -> list[str]:
    return [asset["downloadUrl"] for order in tree["orders"] for asset in order["assets"]]


def _size(root: Path) -> int:
    return sum(file.stat().st_size for file in root.rglob("*") if file.is_file())


# --- the figures --------------------------------------------------------------------------------------------------


def many(orders: int, each: int, size: int, latency: float, rounds: int) -> Figure:
    """The rate of ours and of the bare loop's, in turns."""
    took: dict[str, list[float]] = {"ours": [], "bare": [], "bare, each on the disk": []}
    works = {"ours": "files", "bare": "bare_files", "bare, each on the disk": "synced_files"}
    with running(orders, each, size, latency) as (url, numbers):
        for number in range(rounds):
            for name in sorted(works, reverse=bool(number % 2)):
                with on_disk() as folder:
                    took[name].append(ran(works[name], folder, url, ",".join(numbers), orders * each * size)["seconds"])
    middle = {name: statistics.median(each_of) for name, each_of in took.items()}
    ratio = statistics.median(bare / ours for ours, bare in zip(took["ours"], took["bare"], strict=True))
    return Figure(
        name=f"{orders * each} files of {size / 1e6:g} MB at {latency * 1000:.0f} ms",
        ratio=ratio,
        meaning="our rate / a bare threaded loop's",
        seconds=middle,
        target=f"at least {LEAST:.2f}",
        ok=ratio >= LEAST,
    )


def large(size: int) -> Figure:
    """The most memory that one file takes, of the whole program."""
    with running(1, 1, size, 0.0) as (url, numbers), on_disk() as folder:
        found = ran("files", folder, url, ",".join(numbers), size)
    return Figure(
        name=f"a file of {size / 1e6:,.0f} MB",
        ratio=found["megabytes"] / MOST,
        meaning=f"the most memory / {MOST:g} MB",
        seconds={"ours": found["seconds"]},
        megabytes={"ours": found["megabytes"]},
        target="at most 1",
        ok=found["megabytes"] <= MOST,
    )
