"""Claims about the metrics, and about what stands in docs/ of them."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from syncer.engine import Summary
from syncer.orders import Accounting, Park, State
from syncer.remotes.http import CallFact
from tests.web.asking import ask
from tests.web.scenes import Served, now, pulse

Pages = Callable[..., Served]
DOCS = Path(__file__).parents[2] / "docs"
SERIES = re.compile(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
NAME = re.compile(r"\b(?:syncer|process)_[a-z_]+\b")


def _call(outcome: str = "200", seconds: float = 0.2, operation: str = "orders") -> CallFact:
    return CallFact("tjansteguiden", operation, seconds, outcome, safe=True)


def _summary(**accounting: int) -> Summary:
    polled = {"tjansteguiden": Accounting(**accounting)}
    return Summary(at=now(), seconds=0.4, polled=polled, ingested=0, advanced=3, parked=0, calls=0)


def _read(web: Served) -> dict[str, float]:
    """Each series and its value."""
    found = SERIES.findall(ask(web.url, "/metrics").text)
    return {f"{name}{{{labels}}}" if labels else name: float(value) for name, labels, value in found}


def _used(web: Served) -> Served:
    web.store.note("store.erased", "the personal data of 3 orders was erased", now(), erased=3, left=False)
    web.metrics.called(_call())
    web.metrics.passed(_summary(listed=10, unchanged=6, changed=1, new=2, unreadable=1))
    return web


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        why = "promtool is not installed: apt-get install --no-install-recommends prometheus"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    return found


# --- what is counted ------------------------------------------------------------------------------------------


def test_prometheus_itself_finds_nothing_to_say_about_them(pages: Pages, promtool: str) -> None:
    text = ask(_used(pages("parked")).url, "/metrics").text
    said = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_orders_are_counted_by_state_and_parked_ones_by_reason(pages: Pages) -> None:
    read = _read(pages("parked"))
    states = {state: read[f'syncer_orders{{state="{state}"}}'] for state in State}
    assert states == {"new": 1, "received": 3, "active": 1, "waiting": 1, "delivered": 9, "cancelled": 0}
    parked = {park: read[f'syncer_orders_parked{{reason="{park}"}}'] for park in Park}
    assert {park for park, count in parked.items() if count} == {"route", "refused", "uncertain", "unreadable"}
    assert read["syncer_intents_uncertain"] == 1
    assert read['syncer_intents_open{state="uncertain"}'] == 1


def test_the_age_of_the_oldest_order_is_told_for_each_step_and_apart_from_parked_ones(pages: Pages) -> None:
    web = pages("parked")
    read = _read(web)
    ages = {
        (step, parked): read[f'syncer_oldest_order_age_seconds{{not_yet="{step}",parked="{parked}"}}']
        for step in ("received", "active", "delivered")
        for parked in ("false", "true")
    }
    assert ages["received", "false"] == 0
    assert 50 < ages["received", "true"] < 250  # the unreadable row
    assert 20 < ages["active", "false"] < 200
    assert 290 < ages["active", "true"] < 500  # the one without a route
    assert ages["delivered", "false"] > ages["active", "false"]


def test_the_polls_accounting_is_summed_up_for_each_portal(pages: Pages) -> None:
    web = pages("quiet")
    assert _read(web)['syncer_poll_new_total{portal="malmo"}'] == 0  # there before its first poll
    for _ in range(2):
        web.metrics.passed(_summary(listed=10, unchanged=6, changed=1, new=2, unreadable=1))
    read = _read(web)
    told = {name: read[f'syncer_poll_{name}_total{{portal="tjansteguiden"}}'] for name in Accounting.__slots__[:5]}
    assert told == {"listed": 20, "unchanged": 12, "changed": 2, "new": 4, "unreadable": 2}
    assert read["syncer_passes_total"] == 2
    assert read["syncer_pass_duration_seconds_sum"] == pytest.approx(0.8)
    assert read["syncer_orders_advanced_total"] == 6
    assert 30 < read['syncer_poll_age_seconds{source="tjansteguiden"}'] < 300


def test_calls_are_counted_and_timed_by_remote_operation_and_outcome(pages: Pages) -> None:
    web = pages("quiet")
    for outcome in ("200", "200", "503", "Unavailable"):
        web.metrics.called(_call(outcome, operation="set_status"))
    read = _read(web)
    labels = 'operation="set_status",outcome="{}",remote="tjansteguiden"'
    counts = {one: read[f"syncer_calls_total{{{labels.format(one)}}}"] for one in ("200", "503", "Unavailable")}
    assert counts == {"200": 2, "503": 1, "Unavailable": 1}
    assert read[f"syncer_call_duration_seconds_count{{{labels.format('200')}}}"] == 2
    assert read[f"syncer_call_duration_seconds_sum{{{labels.format('200')}}}"] == pytest.approx(0.4)


def test_a_remote_can_make_no_series_at_its_will(pages: Pages) -> None:
    web = pages("quiet")
    for status in range(100, 1000):
        web.metrics.called(_call(str(status)))
    outcomes = set(re.findall(r'outcome="([^"]+)"', ask(web.url, "/metrics").text))
    assert len(outcomes) < 40
    assert {"2xx", "4xx", "9xx", "200", "429"} <= outcomes


def test_remotes_are_up_or_down_for_so_long(pages: Pages) -> None:
    read = _read(pages("outage"))
    up = {name: read[f'syncer_remote_up{{remote="{name}"}}'] for name in ("tjansteguiden", "malmo", "nordnet")}
    assert up == {"tjansteguiden": 1, "malmo": 0, "nordnet": 0}
    assert 'syncer_remote_up{remote="sydnet"}' not in read  # never called: neither
    assert 700 < read['syncer_remote_state_age_seconds{remote="nordnet"}'] < 900


def test_the_service_tells_how_it_is(pages: Pages) -> None:
    web = pages("quiet")
    read = _read(web)
    assert read["syncer_healthy"] == 1
    assert 3 < read["syncer_last_pass_age_seconds"] < 200
    assert read["syncer_store_up"] == 1
    assert any(name.startswith("syncer_build_info{") for name in read)
    assert read["process_resident_memory_bytes"] > 0
    web.pulse = pulse(overdue="late")
    assert _read(web)["syncer_healthy"] == 0


# --- what stands in docs/ -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Mentioned:
    where: str
    names: set[str]


def _there(web: Served) -> set[str]:
    """Every name in the output: of series, and of their families."""
    text = ask(_used(web).url, "/metrics").text
    return {name for name, _, _ in SERIES.findall(text)} | set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))


def _queries(part: Any) -> list[str]:
    """Every query in a dashboard."""
    if isinstance(part, dict):
        own = [str(part[key]) for key in ("expr", "query") if isinstance(part.get(key), str)]
        return own + [query for inner in part.values() for query in _queries(inner)]
    return [query for inner in part for query in _queries(inner)] if isinstance(part, list) else []


def test_every_metric_of_the_alerts_and_the_dashboard_is_in_the_output(pages: Pages) -> None:
    there = _there(pages("parked"))
    alerts = re.findall(r"^ +expr: (.+)$", (DOCS / "alerts.yml").read_text(encoding="utf-8"), re.MULTILINE)
    dashboard = _queries(json.loads((DOCS / "dashboard.json").read_text(encoding="utf-8")))
    for queries in (alerts, dashboard):
        names = {name for query in queries for name in NAME.findall(query)}
        assert len(names) >= 8
        assert names - there == set()


def test_every_metric_is_explained_and_no_other(pages: Pages) -> None:
    text = ask(_used(pages("parked")).url, "/metrics").text
    families = set(re.findall(r"^# TYPE (syncer_\S+)", text, re.MULTILINE))
    explained = set(
        re.findall(r"^\| `(syncer_[a-z_]+)`", (DOCS / "metrics.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert explained == families


def test_prometheus_accepts_the_alerts_and_they_fire_when_they_should(promtool: str) -> None:
    for words in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts-test.yml"]):
        said = subprocess.run([promtool, *words], cwd=DOCS, capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stdout + said.stderr


def test_each_alert_is_tried_and_says_what_to_type() -> None:
    rules = (DOCS / "alerts.yml").read_text(encoding="utf-8")
    names = re.findall(r"^ +- alert: (\w+)$", rules, re.MULTILINE)
    tried = re.findall(r"^ +alertname: (\w+)$", (DOCS / "alerts-test.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(names) >= 8
    assert set(names) == set(tried)
    assert rules.count("summary:") == rules.count("description:") == len(names)
