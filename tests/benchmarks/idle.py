"""A pass with nothing new over stores of very different sizes: its time, its memory, and those of a whole `--once`.

The portal lists the same recent orders each time. What else is stored has ended, and should cost nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from syncer.config import load
from syncer.engine import Engine
from syncer.store import Store
from syncer.telemetry import Redactor
from syncer.wiring import engine_of
from tests.benchmarks import lean
from tests.benchmarks.disk import on_disk
from tests.benchmarks.figures import Figure, medians, take_turns
from tests.benchmarks.filled import fill
from tests.benchmarks.fresh import ran
from tests.benchmarks.logs import logged
from tests.benchmarks.passes import configured
from tests.benchmarks.portal import ONE_IN

MOST_MORE = 1.2  # times the smallest
MOST_MEMORY = 120.0  # MB
SIZES = (1_000, 100_000, 1_000_000)


@contextmanager
def engine(file: Path) -> Iterator[Engine]:
    """The program as configured, its log beside the configuration."""
    config = load(file)
    redactor = Redactor(config.secrets())
    with logged(file.parent / "log", redactor), Store.open(config.store.url) as store:
        yield engine_of(config, store, redactor)


def nothing_new(one: Engine, listed: int) -> None:
    """A pass as the service makes it, that finds every listed order unchanged."""
    summary = one.run_pass(sources=["portal"])
    found = (summary.polled["portal"].listed, summary.polled["portal"].unchanged, summary.advanced, summary.problems)
    assert found == (listed, listed, 0, ()), summary
    assert summary.calls <= 2, summary  # the list, and at first a login


def stored(folder: Path, url: str, orders: int, listed: int) -> Path:
    """The configuration of a program that has so many orders stored, of which the last are listed."""
    folder.mkdir()
    config = configured(folder, url + lean.PORTAL)
    fill(folder / "state" / "syncer.db", orders - listed)
    with engine(config.path) as one:
        summary = one.run_pass(once=True)
        assert (summary.ingested, summary.problems) == (listed, ()), summary
        assert sum(one.room.store.overview().states.values()) == orders
    return config.path


def idle(sizes: Sequence[int] = SIZES, listed: int = 1000, rounds: int = 30, starts: int = 7) -> Iterator[Figure]:
    """The passes of a warm engine, and those of whole processes, largest store against smallest."""
    with on_disk() as name, lean.running(listed, each=ONE_IN) as url:
        files = {size: stored(Path(name, str(size)), url, size, listed) for size in sizes}
        yield _warm(files, listed, rounds)
        yield _whole(files, starts)


def _warm(files: Mapping[int, Path], listed: int, rounds: int) -> Figure:
    with ExitStack() as stack:
        engines = {_named(size): stack.enter_context(engine(file)) for size, file in files.items()}
        works = {name: partial(nothing_new, one, listed) for name, one in engines.items()}
        middle = medians(take_turns(works, rounds))
    memory = {_named(size): float(ran("idle", file, listed)["megabytes"]) for size, file in files.items()}
    return _compared("a pass with nothing new", middle, memory)


def _whole(files: Mapping[int, Path], starts: int) -> Figure:
    memory: dict[str, float] = {}

    def once(size: int) -> None:
        memory[_named(size)] = float(ran("once", files[size])["megabytes"])

    middle = medians(take_turns({_named(size): partial(once, size) for size in files}, starts))
    return _compared("syncer --once, nothing new", middle, memory)


def _compared(name: str, middle: Mapping[str, float], memory: Mapping[str, float]) -> Figure:
    first, last = next(iter(middle)), list(middle)[-1]
    worst = max(middle.values()) / middle[first]
    return Figure(
        name=f"{name}, {first} to {last} stored",
        ratio=worst,
        meaning="slowest / that of the smallest store",
        seconds=middle,
        megabytes=memory,
        target=f"at most {MOST_MORE:g}, and {MOST_MEMORY:g} MB",
        ok=worst <= MOST_MORE and max(memory.values()) <= MOST_MEMORY,
    )


def _named(size: int) -> str:
    return f"{size:,}"
