"""Claims about what the simulated KODE tells by itself: pushes and distributor messages (kode.md, sections 8, 10)."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from syncer.simulators.kode import File, KodeSimulator, Script
from syncer.simulators.kode.notices import post
from tests.simulators.kode_bench import NONE, Bench

MESSAGES = "/kode/v1/distributormessages/distributor/messages"


# --- orders ---------------------------------------------------------------------------------------------------------


def test_a_push_names_the_order_its_references_and_a_status_and_nothing_else() -> None:
    bench = Bench()
    number = bench.created()["id"]
    (push,) = bench.sim.pushes()
    assert push["body"] == {
        "orderCollectionId": number, "reference": "OPPDRAG-42", "status": "NEW", "technicalReference": "t-1",
    }  # fmt: skip


@pytest.mark.parametrize(("option", "expected"), [("null", None), ("absent", "(absent)")])
def test_without_a_technical_reference_a_push_has_null_or_none(option: str, expected: Any) -> None:
    bench = Bench(nothing=option)
    bench.created(technicalReference=NONE)
    assert bench.sim.pushes()[0]["body"].get("technicalReference", "(absent)") == expected


@pytest.mark.parametrize(
    ("option", "names"),
    [
        ("orderCollectionId", {"orderCollectionId"}),
        ("orderId", {"orderId"}),
        ("both", {"orderCollectionId", "orderId"}),
    ],
)
def test_the_orders_number_stands_under_one_name_or_the_other(option: str, names: set[str]) -> None:
    bench = Bench(push_id=option)
    number = bench.created()["id"]
    body = bench.sim.pushes()[0]["body"]
    assert {name for name in body if body[name] == number} == names


@pytest.mark.parametrize("word", ["UPDATED", "UPDATE"])
def test_a_new_file_is_pushed_in_one_spelling_or_the_other(word: str) -> None:
    bench = Bench(push_word=word)
    bench.sim.add_file(bench.created()["id"])
    assert bench.pushed() == ["NEW", word]


def test_progress_and_unknown_statuses_are_not_pushed() -> None:
    bench = Bench()
    number = bench.created()["id"]
    for status in ("PROGRESS", "PROCESSING", "FINISHED", "CANCELLED", "REFUNDED"):
        bench.sim.change_status(number, status)
    assert bench.pushed() == ["NEW", "FINISHED", "CANCELLED", "REFUNDED"]


@pytest.mark.parametrize(
    ("option", "late"), [("UPDATED", ["UPDATED"]), ("FINISHED", ["FINISHED"]), ("both", ["UPDATED", "FINISHED"])]
)
def test_a_file_after_the_end_is_pushed_as_a_file_or_as_the_end_again(option: str, late: list[str]) -> None:
    bench = Bench(late_push=option)
    bench.sim.set_script(Script.usual(60, 600, [File(300), File(700)]))
    bench.created()
    bench.clock.pass_(1000)
    assert bench.pushed() == ["NEW", "UPDATED", "FINISHED", *late]


@pytest.mark.parametrize("option", [False, True])
def test_a_deletion_is_pushed_where_that_is_chosen(*, option: bool) -> None:
    bench = Bench(push_deletions=option)
    bench.sim.delete_file(bench.sim.add_file(bench.created()["id"]))
    assert bench.pushed() == ["NEW", "UPDATED", *(["UPDATED"] if option else [])]


def test_orders_of_others_are_pushed_too_and_any_push_can_be_invented() -> None:
    bench = Bench()
    number = bench.sim.add_order(reference="HOS-ANDRE")
    bench.sim.add_push(order=number, status="CANCELLED")
    bench.sim.add_push({"orderCollectionId": "seven"})
    assert [push["body"].get("status") for push in bench.sim.pushes()] == ["NEW", "CANCELLED", None]
    assert bench.sim.order(number)["status"] == "NEW"
    assert [push["number"] for push in bench.sim.pushes(after=1)] == [2, 3]
    with pytest.raises(ValueError, match="body"):
        bench.sim.add_push()


# --- distributor messages -------------------------------------------------------------------------------------------


def message_of(bench: Bench) -> dict[str, Any]:
    bench.sim.add_message("Planlagt vedlikehold", "CUSTOMER")
    return dict(bench.sim.pushes()[-1]["body"])


def test_a_distributor_message_is_an_event_with_its_content() -> None:
    body = message_of(Bench())
    assert (body["eventType"], body["eventAction"]) == ("DistributorMessages", "Created")
    content = body["content"]
    assert len(content.pop("id")) == 36
    assert content == {
        "message": "Planlagt vedlikehold",
        "municipalityName": "INFOLAND",
        "municipalityNumber": "9999",
        "dateCreated": "15-01-2030",
        "type": "CUSTOMER",
    }


def test_a_distributor_message_comes_in_older_shapes_too() -> None:
    nested = message_of(Bench(message_shape="nested", message_number="number", message_time=True))
    inner = nested["content"]["body"]
    assert (inner["municipalityNumber"], inner["dateCreated"]) == (9999, "15-01-2030 12:00:00")
    flat = message_of(Bench(message_shape="organization"))["content"]
    assert (flat["organizationCode"], "municipalityNumber" in flat) == ("9999", False)


def test_each_message_has_an_id_of_its_own() -> None:
    bench = Bench()
    assert len({message_of(bench)["content"]["id"] for _ in range(3)}) == 3


@pytest.mark.parametrize("path", [MESSAGES, MESSAGES.replace("/kode/", "/infoland-hub/")])
def test_messages_are_listed_and_made_over_http_in_the_old_documents_alone(path: str) -> None:
    body = {"message": "Hei", "municipalityNumber": "9999", "municipalityName": "INFOLAND", "type": "DISTRIBUTOR"}
    new = Bench()
    assert [new.ask(method, path, body).status for method in ("GET", "POST")] == [404, 404]
    old = Bench(old_paths=True)
    made = old.ask("POST", path, body)
    assert made.status == 200
    assert old.get(path) == [json.loads(made.body)]
    assert old.sim.pushes()[-1]["body"]["content"] == json.loads(made.body)
    assert old.ask("POST", path, {**body, "municipalityNumber": "10000"}).status == 400
    assert old.ask("POST", path, {**body, "type": "NOBODY"}).status == 400
    assert old.ask("GET", path, bearer="").status == 401


# --- the post -------------------------------------------------------------------------------------------------------


class Box(HTTPServer):
    """Takes what is posted; `status` is what it answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), BoxHandler)
        self.status = 200
        self.got: list[Any] = []
        self.types: set[str | None] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/push/kode/secret?a=1"


class BoxHandler(BaseHTTPRequestHandler):
    server: Box

    def do_POST(self) -> None:
        assert self.path == "/push/kode/secret?a=1"
        self.server.types.add(self.headers["Content-Type"])
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def box() -> Iterator[Box]:
    with Box() as box:
        thread = threading.Thread(target=box.serve_forever, args=(0.02,))
        thread.start()
        yield box
        box.shutdown()
        thread.join()


def three_pushes(**options: Any) -> KodeSimulator:
    bench = Bench(**options)
    for number in range(3):
        bench.created(reference=f"R-{number}", technicalReference=f"t-{number}")
    return bench.sim


def references(bodies: list[Any]) -> list[str]:
    return [body["reference"] for body in bodies]


def test_nothing_is_sent_unless_asked_and_then_each_push_once(box: Box) -> None:
    sim = three_pushes(push_url=box.url)
    sim.configure(beta=True)
    sim.add_file(7_000_001)
    assert box.got == []
    assert sim.send_pushes() == [200] * 4
    assert references(box.got) == ["R-0", "R-1", "R-2", "R-0"]
    assert box.types == {"application/json"}
    assert sim.send_pushes(box.url) == []
    sim.add_push(order=7_000_001)
    assert sim.send_pushes(box.url.replace("127.0.0.1", "localhost")) == [200]


def test_pushes_can_come_several_times_and_out_of_order(box: Box) -> None:
    sim = three_pushes(repeats=2, shuffled=True)
    foretold = references(sim.due_pushes())
    sim.send_pushes(box.url)
    assert references(box.got) == foretold
    assert foretold != sorted(foretold)
    assert sorted(foretold) == sorted(["R-0", "R-1", "R-2"] * 3)


def test_a_push_that_was_refused_comes_again_only_where_that_is_chosen(box: Box) -> None:
    box.status = 503
    once, again = three_pushes(), three_pushes(push_retries=True)
    assert once.send_pushes(box.url) == again.send_pushes(box.url) == [503] * 3
    box.status = 204
    assert once.send_pushes(box.url) == []
    assert again.send_pushes(box.url) == [204] * 3
    assert [push["answers"] for push in again.pushes()] == [[503, 204]] * 3


def test_where_nobody_listens_there_is_no_answer() -> None:
    with Box() as gone:
        url = gone.url
    assert three_pushes().send_pushes(url) == [0, 0, 0]


@pytest.mark.parametrize(
    "url",
    ["http://example.org/push", "https://127.0.0.1/push", "http://192.0.2.1/", "http://127.0.0.1.example.org/", ""],
)
def test_nothing_is_sent_to_any_other_machine(url: str) -> None:
    with pytest.raises(ValueError, match="this machine"):
        post(url, [{}])


def test_without_an_address_nothing_is_sent() -> None:
    with pytest.raises(ValueError, match="push_url"):
        three_pushes().send_pushes()
