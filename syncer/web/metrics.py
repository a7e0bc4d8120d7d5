"""The metrics, in Prometheus' conventions: counters that are told of each call and pass, gauges read when scraped.

No label ever holds a text that a remote has chosen: labels are configured names, our own words, and HTTP statuses of
a known list.
"""

import platform
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from syncer.orders import OPEN_INTENT, Park, State
from syncer.store import STEPS, StoreError
from syncer.web.glance import Glance
from syncer.web.site import Called, Passed

STATUSES = frozenset(
    map(str, (200, 201, 202, 204, 301, 302, 304, 307, 308, 400, 401, 403, 404, 405, 408, 409, 410, 415, 422, 425, 429))
) | frozenset(map(str, (500, 501, 502, 503, 504)))
CALL_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0)
PASS_BUCKETS = (0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0)
ACCOUNTS = {
    "listed": "Rows that the portal has listed, of whatever kind.",
    "unchanged": "Listed rows that said nothing new.",
    "changed": "Listed rows of known orders that said something new.",
    "new": "Listed rows of orders not seen before.",
    "unreadable": "Listed rows that could not be read.",
}
PUSHED = ("stored", "malformed", "too_large", "not_stored", "bug")


class Metrics:
    """The counters of one process. `called` and `passed` are its ears; they take a few microseconds."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # a second series for each counter, of no use to anybody
        self.registry = CollectorRegistry()
        on, labels = self.registry, ("remote", "operation", "outcome")
        self._calls = Counter("syncer_calls", "Calls made to remotes.", labels, registry=on)
        self._seconds = Histogram(
            "syncer_call_duration_seconds", "How long calls to remotes took.", labels, registry=on, buckets=CALL_BUCKETS
        )
        self._passes = Counter("syncer_passes", "Passes completed.", registry=on)
        self._lasted = Histogram(
            "syncer_pass_duration_seconds", "How long passes took.", registry=on, buckets=PASS_BUCKETS
        )
        self._advanced = Counter("syncer_orders_advanced", "Orders whose state a pass has moved on.", registry=on)
        self._polls = Counter("syncer_polls", "Lists read to their end.", ("portal",), registry=on)
        self._accounts = {
            name: Counter(f"syncer_poll_{name}", told, ("portal",), registry=on) for name, told in ACCOUNTS.items()
        }
        self._pushes = Counter("syncer_pushes", "Pushes of portals.", ("portal", "outcome"), registry=on)
        ProcessCollector(registry=on)

    def called(self, fact: Called) -> None:
        """A call was made."""
        labels = (fact.remote, fact.operation, _known(fact.outcome))
        self._calls.labels(*labels).inc()
        self._seconds.labels(*labels).observe(fact.seconds)

    def passed(self, summary: Passed) -> None:
        """A pass has completed."""
        self._passes.inc()
        self._lasted.observe(summary.seconds)
        self._advanced.inc(summary.advanced)
        for portal, accounting in summary.polled.items():
            self._polls.labels(portal).inc()
            for name, counter in self._accounts.items():
                counter.labels(portal).inc(getattr(accounting, name))

    def pushed(self, portal: str, outcome: str) -> None:
        """A portal has pushed, and this came of it (`inbox.OUTCOMES`)."""
        self._pushes.labels(portal, outcome).inc()

    def show(self, glance: Glance) -> None:
        """From now on there are gauges, too, of what stands in the store and of how the service is."""
        self.registry.register(Gauges(glance))

    def expect(self, portals: Iterable[str], pushing: Iterable[str] = ()) -> None:
        """Begins the series of these portals at 0, so that their first increase shows."""
        for portal in pushing:
            for outcome in PUSHED:
                self._pushes.labels(portal, outcome)
        for portal in portals:
            for counter in (self._polls, *self._accounts.values()):
                counter.labels(portal)


def _known(outcome: str) -> str:
    """An outcome out of few: a remote that answers with ever new numbers makes no new series."""
    if not outcome.isdecimal() or outcome in STATUSES:
        return outcome
    return f"{outcome[:1]}xx"


class Gauges(Collector):
    """What is read when it is asked for."""

    def __init__(self, glance: Glance) -> None:
        self._glance = glance

    def describe(self) -> Iterable[Metric]:
        """Nothing: to say what there is would be to read it."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The gauges; without those of the store where it can't be read."""
        yield from self._vital()
        try:
            yield from self._stored()
        except StoreError:
            readable = 0
        else:
            readable = 1
        yield _gauge("syncer_store_up", "Whether the store could be read.", readable)

    def _vital(self) -> Iterator[Metric]:
        glance = self._glance
        vitals, now = glance.vitals(), glance.now()
        yield InfoMetricFamily(
            "syncer_build", "The program.", {"version": glance.site.version, "python": platform.python_version()}
        )
        yield _gauge("syncer_healthy", "Whether passes complete on time.", int(vitals.overdue is None))
        yield _gauge(
            "syncer_last_pass_age_seconds",
            "Since the last pass completed; since the start, where none has.",
            _since(vitals.last_pass_at or vitals.started_at, now),
        )

    def _stored(self) -> Iterator[Metric]:
        figures, now, began = self._glance.figures(), self._glance.now(), self._glance.vitals().started_at
        age = GaugeMetricFamily(
            "syncer_poll_age_seconds",
            "Since the portal's list was last read; since the start, where it was not.",
            labels=["source"],
        )
        for source in self._glance.site.portals:
            age.add_metric([source], _since(figures.polled.get(source) or began, now))
        yield age
        yield _by("syncer_orders", "Orders by state.", "state", State, figures.states)
        yield _by("syncer_orders_parked", "Orders set aside for a person, by reason.", "reason", Park, figures.parked)
        yield _by("syncer_intents_open", "Calls decided and not settled, by state.", "state", OPEN, figures.intents)
        yield _gauge("syncer_intents_uncertain", "Calls of unknown outcome.", figures.unknown)
        oldest = GaugeMetricFamily(
            "syncer_oldest_order_age_seconds",
            "Since the oldest order came that the portal hasn't been told this of; 0 where there is none.",
            labels=["not_yet", "parked"],
        )
        for step in STEPS:
            for parked in (False, True):
                found = figures.oldest.get((step, parked))
                oldest.add_metric([step, str(parked).lower()], 0 if found is None else _since(found.since, now))
        yield oldest
        up = GaugeMetricFamily("syncer_remote_up", "Whether the remote answers.", labels=["remote"])
        since = GaugeMetricFamily(
            "syncer_remote_state_age_seconds", "How long it has been up, or down.", labels=["remote"]
        )
        for name, health in figures.remotes.items():
            if name in self._glance.site.portals or name in self._glance.site.fulfilments:
                up.add_metric([name], int(health.up))
                since.add_metric([name], _since(health.since, now))
        yield from (up, since)
        if figures.erased_at is not None:
            told = "Since old personal data was last erased, or was found to be erased already."
            yield _gauge("syncer_last_erasure_age_seconds", told, _since(figures.erased_at, now))


OPEN = tuple(sorted(OPEN_INTENT))


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(name, told, value)


def _by(name: str, told: str, label: str, every: Iterable[str], counts: Mapping[str, int]) -> Metric:
    made = GaugeMetricFamily(name, told, labels=[label])
    for one in every:
        made.add_metric([str(one)], counts.get(one, 0))
    return made


def _since(at: datetime, now: datetime) -> float:
    return max(0.0, (now - at).total_seconds())
