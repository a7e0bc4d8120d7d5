"""Vitec as a sink, over real HTTP: what is told, asked and given, and that no part of it is ever sent twice."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from syncer.errors import Unavailable, Uncertain
from syncer.orders import (
    Absent,
    CannotTell,
    Found,
    Given,
    GiveRefused,
    Intent,
    MessageLeft,
    MessageRefused,
    Moved,
    Observation,
    Order,
    TellRefused,
    Told,
)
from syncer.portals.vitec import Result
from syncer.portals.vitec.facts import ids_of
from syncer.remotes.vitec import Operation, Success
from syncer.simulators.host import Fault
from syncer.telemetry import Redactor
from tests.portals.vitec_bench import GIF, NOON, OFFICE, PNG, Bench, done, gift, listening, results, says, tells

URL = "https://orders.example/vitec/o/abc"
STEPS = {
    "active": {"path": "/Service/Order/Begin/{customerId}", "status": "Working"},
    "delivered": {"path": "/Service/Order/Done/{customerId}", "status": "Done", "answer": "true"},
}
OPERATIONS = {
    "active": Operation("vitec.active", "PUT", "Service/Order/Begin/{customer_id}", {"id": "{order_id}"}),
    "delivered": Operation(
        "vitec.delivered", "PUT", "Service/Order/Done/{customer_id}", {"id": "{order_id}"}, Success(field="")
    ),
}
WORDS = {"Working": "active", "Done": "delivered", "Gone": "cancelled"}


@pytest.fixture
def bench() -> Iterator[Bench]:
    with listening() as made:
        yield made


@pytest.fixture
def steps() -> Iterator[Bench]:
    """A Vitec whose statuses can be told."""
    with listening(transitions=STEPS) as made:
        made.options = {"operations": OPERATIONS, "statuses": WORDS}
        yield made


def send(bench: Bench, intent: Intent, order: Order, **options: Any) -> Observation:
    return bench.adapter(**options).perform(intent, order)


def giving(bench: Bench, *files: Result, **options: Any) -> tuple[Order, list[Given]]:
    """Gives all that there is, one part after another, as the core asks for it."""
    order, said = done(bench.order(bench.place())), []
    adapter = bench.adapter(results=lambda _: files, **options)
    for number in range(1, 20):
        seen = adapter.perform(gift(number), order)
        assert isinstance(seen, Given), seen
        said.append(seen)
        if not seen.left:
            return order, said
    raise AssertionError("it never ends")


# ----------------------------------------------------------------------------------------------------- statuses


@pytest.mark.parametrize("status", ["received", "active", "waiting", "delivered", "cancelled"])
def test_a_status_without_an_operation_costs_no_call_and_stands_here_alone(bench: Bench, status: str) -> None:
    order = bench.order(bench.place())
    before = len(bench.host.calls())
    assert send(bench, tells(status, "new"), order) == Told(status, "Unnamed")
    assert len(bench.host.calls()) == before


def test_a_configured_status_is_told_by_one_call_after_a_look(steps: Bench) -> None:
    order = steps.order(steps.place(), portal_status="received", details={"order": {"vitec_status": "Unnamed"}})
    assert send(steps, tells("active", "received"), order) == Told("active")
    assert [one.operation for one in steps.host.calls()][-2:] == ["order.list", "transition.active"]
    assert steps.vitec.transitions(order.external_id) == ["active"]


def test_what_somebody_has_changed_there_meanwhile_is_not_written_over(steps: Bench) -> None:
    key = steps.place()
    order = steps.order(key, portal_status="received", details={"order": {"vitec_status": "Unnamed"}})
    steps.vitec.change_status(key, "Gone")
    assert send(steps, tells("active", "received"), order) == Moved("cancelled")
    steps.vitec.change_status(key, "Working")
    assert send(steps, tells("active", "received"), order) == Told("active")
    assert steps.vitec.transitions(key) == []


@pytest.mark.parametrize("how", ["refused", "denied", "answer"])
def test_a_refused_status_is_an_observation_and_no_other_order_waits_for_it(steps: Bench, how: str) -> None:
    key = steps.place()
    order = steps.order(key, portal_status="received", details={"order": {"vitec_status": "Unnamed"}})
    if how == "refused":
        steps.host.fault(Fault.ECHO_400, "vitec", "transition.active")
    elif how == "denied":
        steps.vitec.deny(OFFICE)
    else:
        steps.vitec.configure(transitions={"active": {**STEPS["active"], "answer": "false"}})
        steps.options["operations"] = {"active": replace(OPERATIONS["active"], success=Success(field=""))}
    assert isinstance(send(steps, tells("active", "received"), order), TellRefused)


@pytest.mark.parametrize("fault", [Fault.ERROR_AFTER, Fault.RESET_AFTER, Fault.ERROR_BEFORE, Fault.RESET_BEFORE])
def test_a_lost_status_is_found_by_the_list_where_its_word_is_known_and_never_sent_twice(
    steps: Bench, fault: Fault
) -> None:
    key = steps.place()
    order = steps.order(key, portal_status="received", details={"order": {"vitec_status": "Unnamed"}})
    intent = tells("active", "received")
    steps.host.fault(fault, "vitec", "transition.active")
    with pytest.raises(Uncertain):
        send(steps, intent, order)
    found = steps.adapter().find(intent, order)
    if steps.vitec.transitions(key):
        assert found == Found(Told("active"))
    else:
        assert isinstance(found, CannotTell)
        assert key in found.why
    assert steps.calls("transition.active") == 1


def test_a_status_that_needs_no_call_is_told_even_if_we_died_over_it(bench: Bench) -> None:
    order = bench.order(bench.place())
    assert bench.adapter().find(tells("received", "new"), order) == Found(Told("received", "Unnamed"))


def test_an_operation_may_name_all_that_is_known(bench: Bench) -> None:
    order = bench.order(bench.place(), said="no light")
    fields = bench.adapter(page=lambda _: URL)._replies._fields("active", order, ids_of(order))
    assert fields["service_id"] == 812
    assert fields["url"] == URL
    assert fields["message"] == "no light"
    assert fields["at"] == "2031-05-04T12:00:00+02:00"
    assert None not in fields.values()


# ----------------------------------------------------------------------------------------------------- messages


def test_the_agent_is_asked_to_open_the_page_with_the_message(bench: Bench) -> None:
    order = bench.order(bench.place())
    assert send(bench, says(), order, page=lambda _: URL) == MessageLeft()
    (asked,) = bench.vitec.interactions(order.external_id)
    assert asked == {"url": URL, "comment": "no light [vitec.ord.m1]"}
    assert bench.vitec.notes() == []


@pytest.mark.parametrize("options", [{}, {"page": lambda _: URL, "ask_user": False}])
def test_without_a_page_or_leave_to_ask_it_is_a_note_on_the_home(bench: Bench, options: dict[str, Any]) -> None:
    order = bench.order(bench.place())
    assert send(bench, says(), order, **options) == MessageLeft()
    (note,) = bench.vitec.notes(order.details["ticket"]["target_id"])
    assert note["text"].endswith("[vitec.ord.m1]")
    assert bench.vitec.interactions(order.external_id) == []


def test_with_neither_it_is_not_left_and_that_is_said(bench: Bench) -> None:
    order = bench.order(bench.place())
    before = len(bench.host.calls())
    seen = send(bench, says(), order, notes=False)
    assert isinstance(seen, MessageRefused)
    assert "no way" in seen.cause
    assert len(bench.host.calls()) == before


@pytest.mark.parametrize("how", ["false", "400", "403"])
def test_a_message_that_is_not_taken_is_refused_and_not_repeated(bench: Bench, how: str) -> None:
    key = bench.place()
    order = bench.order(key)
    if how == "false":
        bench.vitec.refuse_interactions(key)
    elif how == "400":
        bench.host.fault(Fault.ECHO_400, "vitec", "order.interaction")
    else:
        bench.vitec.deny(OFFICE, "order")
    assert isinstance(send(bench, says(), order, page=lambda _: URL), MessageRefused)
    assert bench.calls("order.interaction") == 1


# ------------------------------------------------------------------------------------------------------ results


def test_one_note_with_the_links_and_then_each_picture(bench: Bench) -> None:
    files = results("karta.pdf", "hus.png", "plan.PNG", "text.txt")
    order, said = giving(bench, *files, image_category="Exteriör")
    home, owner = order.details["ticket"]["target_id"], order.details["ticket"]["owner_id"]
    (note,) = bench.vitec.notes(home)
    assert note["user_id"] == owner
    assert note["text"].splitlines() == [
        f"Beställning {order.external_id} är klar.",
        *(f"{name}: https://orders.example/f/{at}" for at, name in enumerate([one.name for one in files], 1)),
        "[vitec.ord.g1]",
    ]
    images = bench.vitec.images(home)
    assert [one["name"] for one in images] == [f"{order.external_id}-1.png", f"{order.external_id}-2.png"]
    assert [one["caption"] for one in images] == ["hus.png", "plan.PNG"]
    assert {one["advertise"] for one in images} == {False}
    assert [one.left for one in said] == [True, True, False]
    assert bench.vitec.mistakes() == []


def test_without_links_the_note_says_where_the_files_are_kept(bench: Bench) -> None:
    giving(bench, *results("karta.pdf", link=None))
    assert "karta.pdf: finns hos leverantören i /files/karta.pdf" in bench.vitec.notes()[0]["text"]


@pytest.mark.parametrize(
    ("names", "options", "notes", "images"),
    [
        ((), {}, 0, 0),
        (("a.pdf",), {}, 1, 0),
        (("a.png",), {"notes": False}, 0, 1),
        (("a.png",), {"images": False}, 1, 0),
        (("a.png",), {"notes": False, "images": False}, 0, 0),
    ],
)
def test_what_is_off_or_not_there_is_not_given_and_costs_no_call(
    bench: Bench, names: tuple[str, ...], options: dict[str, Any], notes: int, images: int
) -> None:
    _, said = giving(bench, *results(*names), **options)
    assert (len(bench.vitec.notes()), len(bench.vitec.images())) == (notes, images)
    assert (bench.calls("note.create"), bench.calls("image.create")) == (notes, images)
    assert said[-1].left is False


def test_what_is_called_a_picture_and_is_none_is_left_out(bench: Bench) -> None:
    fake = results("a.png", data=b"%PDF-1.7")
    large = [replace(one, size=10**9) for one in results("b.png")]
    shut = [replace(one, open=None) for one in results("c.png")]
    giving(bench, *fake, *large, *shut, *results("d.gif", data=GIF))
    assert [one["caption"] for one in bench.vitec.images()] == ["d.gif"]
    assert [one["kind"] for one in bench.vitec.images()] == ["gif"]


def test_nothing_is_given_before_all_files_are_here(bench: Bench) -> None:
    order = done(bench.order(bench.place()))
    with pytest.raises(Unavailable) as waits:
        send(bench, gift(1), order, ready=lambda _: False, results=lambda _: results("a.pdf"))
    assert (waits.value.order_only, waits.value.retry_after) == (True, 10)
    assert bench.vitec.notes() == []


def test_a_file_that_cannot_be_read_is_tried_again_and_is_no_bug(bench: Bench) -> None:
    def gone() -> bytes:
        raise FileNotFoundError(2, "No such file or directory", "/secret/place")

    order = done(bench.order(bench.place()))
    files = [replace(one, open=gone) for one in results("a.png")]
    with pytest.raises(Unavailable) as waits:
        send(bench, gift(2), order, results=lambda _: tuple(files))
    assert waits.value.order_only
    assert "/secret" not in str(waits.value)


def test_a_home_that_is_not_known_is_said(bench: Bench) -> None:
    order = done(bench.order(bench.place(), details={"head": {}, "ticket": {"customer_id": OFFICE}}))
    assert isinstance(send(bench, gift(1), order, results=lambda _: results("a.pdf")), GiveRefused)


@pytest.mark.parametrize(("number", "operation", "group"), [(1, "note.create", "note"), (2, "image.create", "image")])
def test_a_refused_part_is_an_observation_and_what_is_denied_is_not_asked_again(
    bench: Bench, number: int, operation: str, group: str
) -> None:
    order = done(bench.order(bench.place()))
    adapter = bench.adapter(results=lambda _: results("a.png"))
    bench.host.fault(Fault.ECHO_400, "vitec", operation)
    assert isinstance(adapter.perform(gift(number), order), GiveRefused)
    bench.vitec.deny(OFFICE, group)
    for _ in range(2):
        assert isinstance(adapter.perform(gift(number), order), GiveRefused)
    assert bench.calls(operation) == 2
    assert bench.vitec.mistakes() == []


# ------------------------------------------------------------------------------------------------------- faults

QUICK = sorted(set(Fault) - {Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER, Fault.DRIP, Fault.HUGE, Fault.GZIP_BOMB})
WRITES = {"note.create": gift(1), "image.create": gift(2), "order.interaction": says()}


@pytest.mark.parametrize("fault", QUICK)
@pytest.mark.parametrize("operation", WRITES)
def test_whatever_goes_wrong_there_are_never_two_of_anything(bench: Bench, operation: str, fault: Fault) -> None:
    """A call that surely had no effect is made again, as the core does; one that may have had is looked up first."""
    order, intent = done(bench.order(bench.place())), WRITES[operation]
    adapter = bench.adapter(results=lambda _: results("a.png", data=PNG), page=lambda _: URL)
    bench.host.fault(fault, "vitec", operation)
    for _ in range(3):
        try:
            seen = adapter.perform(intent, order)
        except Uncertain:
            found = adapter.find(intent, order)
            assert isinstance(found, CannotTell)
            assert "look in Vitec" in found.why
            break
        except Unavailable:
            assert effects(bench, order) == 0
            continue
        assert isinstance(seen, Given | GiveRefused | MessageLeft | MessageRefused)
        break
    assert effects(bench, order) <= 1
    assert [one for one in bench.host.effects() if (one.effect or {}).get("repeat")] == []


def effects(bench: Bench, order: Order) -> int:
    asked = bench.vitec.interactions(order.external_id)
    return len(bench.vitec.notes()) + len(bench.vitec.images()) + len(asked)


def test_what_a_person_has_to_look_for_names_the_home_and_the_thing(bench: Bench) -> None:
    order = done(bench.order(bench.place()))
    home = order.details["ticket"]["target_id"]
    adapter = bench.adapter()
    whys = []
    for intent in (gift(1), gift(3), says()):
        found = adapter.find(intent, order)
        assert not isinstance(found, Found | Absent)
        assert home in found.why
        whys.append(found.why)
    assert "[vitec.ord.g1]" in whys[0]
    assert f"{order.external_id}-2" in whys[1]
    assert "[vitec.ord.m1]" in whys[2]
    assert URL not in "".join(whys)


def test_what_a_person_has_to_look_for_is_not_hidden_as_if_it_were_about_a_person(bench: Bench) -> None:
    order = bench.order(bench.place())
    order = done(order.but(details=bench.read(order).details))
    found = bench.adapter().find(gift(1), order)
    assert isinstance(found, CannotTell)
    assert Redactor().scrub(f"{order.name}: {found.why}", order.details) == f"{order.name}: {found.why}"
    names = order.details["user"]["userName"], order.details["user"]["userId"]
    assert all(name not in Redactor().scrub(f"asked {name}", order.details) for name in names)


def test_the_note_is_of_now(bench: Bench) -> None:
    giving(bench, *results("a.pdf"))
    assert bench.vitec.notes()[0]["date"].startswith(NOON.strftime("%Y-%m-%d"))
