"""Claims about the simulated KODE under its host: files of any size on the wire, and the control interface."""

import hashlib
import http.client
import json
import pickle
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from syncer.simulators.host import Fault, Host
from syncer.simulators.kode import Elsewhere, KodeSimulator, asset_bytes, asset_digest
from tests.simulators.kode_bench import LOGIN, PLAIN, assets_of

MIB = 1024 * 1024


# --- bytes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
def test_bytes_are_as_many_as_said_and_the_digest_is_theirs(size: int) -> None:
    body = asset_bytes("k" * 32, size)
    assert len(body) == size
    assert hashlib.sha256(body).hexdigest() == asset_digest("k" * 32, size)
    assert not size or asset_bytes("j" * 32, size) != body


def test_small_files_differ() -> None:
    assert len({asset_bytes(str(number), 8) for number in range(1000)}) == 1000


def test_no_two_pieces_are_alike() -> None:
    body = asset_bytes("k" * 32, MIB)
    assert len({body[place : place + 65_536] for place in range(0, MIB, 65_536)}) == 16


@pytest.fixture
def kode() -> KodeSimulator:
    return KodeSimulator(mount="/kode")


@pytest.fixture
def host(kode: KodeSimulator) -> Iterator[Host]:
    with Host({"/kode": kode, "/kode-files": Elsewhere(kode)}) as host:
        yield host
    assert host.crashes == []


def over_http(
    host: Host, method: str, path: str, body: Any = None, token: str = ""
) -> tuple[int, dict[str, str], bytes]:
    line = http.client.HTTPConnection("127.0.0.1", int(host.url.rsplit(":", 1)[1]), timeout=20)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        line.request(method, path, None if body is None else json.dumps(body), headers)
        with line.getresponse() as answer:
            return answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read()
    finally:
        line.close()


def large(host: Host, kode: KodeSimulator, size: int) -> tuple[str, str, str]:
    """A file of that size: its id, its path, and a token."""
    token = str(json.loads(over_http(host, "POST", "/kode/authentication/v2/token", LOGIN)[2])["access_token"])
    number = kode.add_order([PLAIN])
    made = kode.add_file(number, size=size)
    (asset,) = assets_of(json.loads(over_http(host, "GET", f"/kode/kode/v1/orders/{number}", token=token)[2]))
    assert asset["downloadUrl"].startswith(host.url + "/kode/")
    return made, str(asset["downloadUrl"]).removeprefix(host.url), token


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_file_arrives_whole_and_its_bytes_are_counted(
    host: Host, kode: KodeSimulator, *, chunked: bool
) -> None:
    kode.configure(chunked=chunked)
    made, path, token = large(host, kode, 3_000_001)
    status, headers, body = over_http(host, "GET", path, token=token)
    assert (status, len(body)) == (200, 3_000_001)
    assert headers.get("content-length") == (None if chunked else "3000001")
    assert hashlib.sha256(body).hexdigest() == kode.digest(made)
    assert [entry.effect for entry in host.effects("kode", "download")] == [
        {"what": "download", "asset": made, "bytes": "3000001"}
    ]


def test_the_host_holds_no_large_file_in_memory(host: Host, kode: KodeSimulator) -> None:
    made, path, token = large(host, kode, 64 * MIB)
    line = http.client.HTTPConnection("127.0.0.1", int(host.url.rsplit(":", 1)[1]), timeout=20)
    digest = hashlib.sha256()
    tracemalloc.start()
    try:
        line.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        with line.getresponse() as answer:
            while piece := answer.read(65_536):
                digest.update(piece)
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()
        line.close()
    assert digest.hexdigest() == kode.digest(made)


def test_a_large_file_that_is_broken_off_was_sent_in_part(host: Host, kode: KodeSimulator) -> None:
    made, path, token = large(host, kode, 100 * MIB)
    line = http.client.HTTPConnection("127.0.0.1", int(host.url.rsplit(":", 1)[1]), timeout=20)
    line.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    with line.getresponse() as answer:
        assert len(answer.read(MIB)) == MIB
    line.close()
    (download,) = kode.downloads()
    assert (download["asset"], download["size"]) == (made, 100 * MIB)
    assert 0 <= download["sent"] < 100 * MIB


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_file_can_be_spoiled_as_any_answer(host: Host, kode: KodeSimulator, *, chunked: bool) -> None:
    kode.configure(chunked=chunked)
    made, path, token = large(host, kode, 2 * MIB)
    whole = asset_bytes(made, 2 * MIB)
    host.fault(Fault.TRUNCATED, "kode", "assets.download")
    with pytest.raises(http.client.IncompleteRead) as caught:
        over_http(host, "GET", path, token=token)
    assert caught.value.partial == whole[:MIB]
    host.fault(Fault.CUT, "kode", "assets.download")
    assert over_http(host, "GET", path, token=token)[2] == whole[:MIB]
    host.fault(Fault.EMPTY_AFTER, "kode", "assets.download")
    assert over_http(host, "GET", path, token=token)[2] == b""
    host.fault(Fault.WRONG_TYPE, "kode", "assets.download")
    _, headers, body = over_http(host, "GET", path, token=token)
    assert (headers["content-type"], body) == ("text/plain", whole)
    host.fault(Fault.BOMB, "kode")
    assert b"ENTITY" in over_http(host, "GET", path, token=token)[2]


def test_a_file_that_drips_is_right_in_the_end(host: Host, kode: KodeSimulator) -> None:
    made, path, token = large(host, kode, 65_600)
    host.fault(Fault.DRIP, "kode", "assets.download", every=0)
    assert over_http(host, "GET", path, token=token)[2] == asset_bytes(made, 65_600)


def test_a_host_that_was_never_started_answers_and_can_be_pickled(kode: KodeSimulator) -> None:
    host = Host({"/kode": kode, "/login": kode})
    asked = json.dumps(LOGIN).encode()
    headers = {"content-type": "application/json"}
    answer = host.ask("POST", "/login/authentication/v2/token", headers, lambda: asked, "")
    token = json.loads(answer.body)["access_token"]
    number = kode.add_order([PLAIN])
    made = kode.add_file(number, size=100_000)
    headers = {"authorization": f"Bearer {token}"}
    tree = json.loads(host.ask("GET", f"/kode/kode/v1/orders/{number}", headers, bytes, "").body)
    (asset,) = assets_of(tree)
    file = host.ask("GET", str(asset["downloadUrl"]).removeprefix("http://127.0.0.1"), headers, bytes, "")
    assert b"".join(file.pieces(file.length)) == asset_bytes(made, 100_000)
    kept = pickle.loads(pickle.dumps((kode, host.journal)))  # noqa: S301 - our own
    assert kept[0].state() == kode.state()
    assert len(kept[1]) == 3


def test_the_control_interface_reaches_every_verb_and_its_answers_are_json(host: Host, kode: KodeSimulator) -> None:
    def call(verb: str, **arguments: Any) -> Any:
        asked = {"remote": "kode", "verb": verb, "arguments": arguments}
        status, _, body = over_http(host, "POST", "/_control/call", asked)
        assert status == 200, body
        return json.loads(body)["result"]

    assert all(callable(getattr(kode, verb)) for verb in kode.VERBS)
    call("configure", names="hostile", missing_scopes=["kode.price.read"])
    call("set_script", script={"steps": [[0, "PROGRESS"]], "files": [{"after": 0, "size": 10}]})
    call("add_product", code="WI03010001", name="Målebrev", children=[["WI03010002", "Kart"]], needs=["system"])
    number = call("add_order", products=["WI99990102"], reference="X")
    made = [call("add_file", order=number, name=name) for name in ("\ud800", "../x")]
    call("delete_file", asset=made[0])
    assert call("order", order=number)["files"][1]["name"] == "\ud800"
    assert call("digest", asset=made[1]) == asset_digest(made[1], 2048)
    for verb in ("complaints", "created", "downloads", "due_pushes", "leaks", "orders", "pushes", "refusals", "state"):
        assert call(verb) is not None
    assert over_http(host, "GET", "/_control/state")[0] == 200
    wrong = {"remote": "kode", "verb": "add_file", "arguments": {"order": 1}}
    assert over_http(host, "POST", "/_control/call", wrong)[0] == 400
