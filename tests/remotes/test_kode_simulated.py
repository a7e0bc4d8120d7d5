"""The client and the simulator were written apart, from one contract: here they meet, in every shape of it."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from syncer.errors import AccessDenied, Rejected, Unavailable, Uncertain, Unreadable
from syncer.remotes.http import Http, Limits
from syncer.remotes.kode import Kode, Message, OrderPush, OrderUnknown, Price, StaleAddress, push_of
from syncer.simulators.host import Fault, Host
from syncer.simulators.kode import Elsewhere, KodeSimulator
from tests.remotes.kode_bench import CADASTRE, MAP, SHARE
from tests.simulators.kode_bench import LOGIN

OPTIONS: list[dict[str, Any]] = [
    {},
    {"generation": "v17"},
    {"generation": "v20", "statuses": "object", "dates": "iso"},
    {"generation": "v17", "statuses": "text", "dates": "norwegian", "line_extras": "shown"},
    {"generation": "v17", "status_codes": "number", "top_status": "object"},
    {"line_extras": "absent", "empty_assets": "null", "nothing": "absent"},
    {"empty_assets": "absent", "created_assets": True, "show_reference": True, "order_status": True},
    {"same_ids": True, "beta": True, "listed_twice": True, "create_status": 202},
    {"status_field": "status", "names": "hostile", "old_scopes": True, "scope_text": True},
    {"names": "absent", "address": "fresh", "redirect": "own", "chunked": True, "untyped": True},
    {"children": "absent", "confidential": True, "one_token": True, "create_status": 201},
]


class Scene:
    """A simulated KODE on this machine, and the client of it."""

    def __init__(self, host: Host, sim: KodeSimulator) -> None:
        self.host, self.sim = host, sim

    def client(self, **options: Any) -> Kode:
        limits = Limits(timeout=20, rate=10_000)
        url = self.host.url_of("/kode")
        account = (LOGIN["client_id"], LOGIN["client_secret"], LOGIN["username"], LOGIN["password"])
        http, files = Http("kode", limits), Http("kode", limits)
        return Kode(http, files, f"{url}/kode/v1", f"{url}/authentication/v2/token", *account, **options)


@pytest.fixture
def scene() -> Iterator[Scene]:
    sim = KodeSimulator(mount="/kode")
    with Host({"/kode": sim, "/kode-files": Elsewhere(sim)}) as host:
        yield Scene(host, sim)
    assert host.crashes == []
    assert sim.leaks() == []


def fetched(client: Kode, asset: Any) -> bytes:
    parts: list[bytes] = []
    client.download(asset, parts.append, most=10_000_000)
    return b"".join(parts)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_an_order_goes_all_its_way_in_every_shape(scene: Scene, options: dict[str, Any]) -> None:
    scene.sim.configure(**options)
    client = scene.client()
    placed = client.place(CADASTRE)
    number = int(placed.id)
    made = [
        scene.sim.add_file(number, on="order"),
        scene.sim.add_file(number, size=100_000),
        scene.sim.add_file(number),
    ]
    scene.sim.delete_file(made[2])
    scene.sim.change_status(number, "FINISHED")
    found = client.order(placed.id)
    assert (placed.status, found.status, found.id) == ("NEW", "FINISHED", placed.id)
    assert (found.price_net, found.price_vat) == (Decimal(1640), Decimal(2050))
    assert found.technical_references == frozenset({"ord-7f3a"})
    assert found.reference in {None, "OPPDRAG-42"}
    assert found.ordered_at is not None
    assert found.status_at is not None
    assert {row.status for order in found.orders for row in order.lines} == {"FINISHED"}
    assert [row.product_type for order in found.orders for row in order.lines] == ["PACKAGE", "NORMAL", "NORMAL"]
    assert {asset.id: asset.deleted for asset in found.assets} == {made[0]: False, made[1]: False, made[2]: True}
    for asset in found.assets:
        if asset.fetchable:
            assert hashlib.sha256(fetched(client, asset)).hexdigest() == scene.sim.digest(asset.id)
    assert scene.sim.refusals() == []


@pytest.mark.parametrize("placing", [CADASTRE, SHARE, MAP], ids=lambda placing: placing.kind)
def test_each_kind_of_order_is_taken(scene: Scene, placing: Any) -> None:
    made = scene.client().place(placing)
    (created,) = scene.sim.created()
    assert (str(created["order"]), created["kind"], created["reference"]) == (
        made.id,
        placing.kind,
        placing.reference,
    )


@pytest.mark.parametrize("prices", ["list", "object", "nested", "total"])
@pytest.mark.parametrize("names", ["sales", "plain"])
def test_a_price_is_understood_in_every_shape(scene: Scene, prices: str, names: str) -> None:
    scene.sim.configure(prices=prices, price_names=names, old_paths=True)
    assert scene.client().price(MAP) == Price(Decimal(275), Decimal("343.75"))
    two = replace(MAP, products=MAP.products * 2)
    assert scene.client().price(two) == Price(Decimal(550), Decimal("687.5"))
    assert scene.client(old_prices=True).price(CADASTRE) == Price(Decimal(1640), Decimal(2050))


def test_products_are_understood(scene: Scene) -> None:
    found = {product.code: product for product in scene.client().products("9999")}
    assert found["WI99990101"].children == (("WI99990102", "Ferdigattest"), ("WI99990103", "Kommunale avgifter"))
    assert {product.input_type for product in found.values()} == {"CADASTRE", "SHARE", "MAP"}
    assert scene.client().products("301") == ()


def test_what_kode_refuses_is_rejected_and_not_placed(scene: Scene) -> None:
    with pytest.raises(Rejected):
        scene.client().place(replace(CADASTRE, products=(SHARE.products[0],)))
    assert scene.sim.created() == []


def test_an_order_that_is_not_there_is_unknown(scene: Scene) -> None:
    with pytest.raises(OrderUnknown):
        scene.client().order("123456")


@pytest.mark.parametrize("way", ["broken_json", "empty", "no_id", "foreign", "wrong_types", "a_list", "null"])
def test_a_broken_order_is_unreadable_and_the_next_one_is_well(scene: Scene, way: str) -> None:
    bad, good = scene.sim.add_order(), scene.sim.add_order()
    scene.sim.break_order(bad, way)
    client = scene.client()
    with pytest.raises(Unreadable):
        client.order(str(bad))
    assert client.order(str(good)).id == str(good)


def test_an_order_without_status_or_orders_is_read(scene: Scene) -> None:
    number = scene.sim.add_order()
    scene.sim.break_order(number, "no_status")
    assert scene.client().order(str(number)).status == ""
    scene.sim.break_order(number, "no_orders")
    assert scene.client().order(str(number)).orders == ()


@pytest.mark.parametrize("fault", [Fault.TIMEOUT_AFTER, Fault.ERROR_AFTER, Fault.RESET_AFTER, Fault.HTML_AFTER])
def test_an_order_whose_answer_is_lost_is_uncertain_and_there_once(scene: Scene, fault: Fault) -> None:
    client = scene.client()
    client.check()
    client._http.limits = replace(client._http.limits, timeout=0.3)
    scene.host.fault(fault, "kode", "orders.create")
    with pytest.raises(Uncertain):
        client.place(CADASTRE)
    assert len(scene.sim.created()) == 1


@pytest.mark.parametrize("refresh", [True, False])
@pytest.mark.parametrize("reused", ["refused", "revokes"])
def test_tokens_that_are_revoked_are_got_anew(scene: Scene, refresh: bool, reused: str) -> None:
    scene.sim.configure(reused=reused)
    client, number = scene.client(), scene.sim.add_order()
    client.order(str(number))
    scene.sim.revoke_tokens(refresh=refresh)
    client.order(str(number))
    grants = [(call["grant"], call["status"]) for call in scene.sim.token_calls()]
    again = [("refresh_token", 401), ("password", 200)] if refresh else [("refresh_token", 200)]
    assert [grant for grant, _ in grants] == ["password", *(grant for grant, _ in again)]
    assert [status < 400 for _, status in grants] == [True, *(status < 400 for _, status in again)]


def test_wrong_credentials_are_access_denied(scene: Scene) -> None:
    scene.sim.configure(missing_scopes=("kode.order.read",))
    with pytest.raises(AccessDenied):
        scene.client().order(str(scene.sim.add_order()))


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_an_address_that_has_expired_is_fresh_after_a_look_at_the_order(scene: Scene, status: int) -> None:
    scene.sim.configure(address="fresh", expired_status=status)
    client, number = scene.client(), str(scene.sim.add_order())
    scene.sim.add_file(int(number))
    (old,) = client.order(number).assets
    scene.sim.expire_addresses()
    with pytest.raises(StaleAddress):
        fetched(client, old)
    (new,) = client.order(number).assets
    assert len(fetched(client, new)) == 2048


@pytest.mark.parametrize("options", [{"at": "elsewhere"}, {"redirect": "elsewhere"}], ids=str)
def test_no_token_arrives_elsewhere(scene: Scene, options: dict[str, Any]) -> None:
    scene.sim.configure(**options)
    client, number = scene.client(), scene.sim.add_order()
    scene.sim.add_file(number)
    (asset,) = client.order(str(number)).assets
    with pytest.raises(Unreadable, match="localhost"):
        fetched(client, asset)
    assert scene.sim.downloads() == []


def test_files_are_fetched_from_elsewhere_without_a_token_where_both_are_said(scene: Scene) -> None:
    scene.sim.configure(at="elsewhere", download_auth="none")
    client, number = scene.client(download_hosts=["localhost"], download_auth=False), scene.sim.add_order()
    scene.sim.add_file(number)
    (asset,) = client.order(str(number)).assets
    assert len(fetched(client, asset)) == 2048


@pytest.mark.parametrize("fault", [Fault.TRUNCATED, Fault.RESET_AFTER, Fault.ERROR_AFTER, Fault.HTML, Fault.TOO_MANY])
def test_a_spoiled_download_is_an_outage(scene: Scene, fault: Fault) -> None:
    client, number = scene.client(), scene.sim.add_order()
    scene.sim.add_file(number, size=200_000, name="plan.pdf")
    (asset,) = client.order(str(number)).assets
    scene.host.fault(fault, "kode", "assets.download")
    with pytest.raises(Unavailable):
        fetched(client, asset)
    assert len(fetched(client, asset)) == 200_000


@pytest.mark.parametrize("push_id", ["orderCollectionId", "orderId", "both"])
@pytest.mark.parametrize("push_word", ["UPDATED", "UPDATE"])
def test_pushes_are_understood(scene: Scene, push_id: str, push_word: str) -> None:
    scene.sim.configure(push_id=push_id, push_word=push_word)
    number = scene.sim.add_order(reference="OPPDRAG-9")
    scene.sim.add_file(number)
    found = [push_of(json.dumps(body).encode()) for body in scene.sim.due_pushes()]
    assert found == [OrderPush(str(number), status, "OPPDRAG-9", "") for status in ("NEW", "UPDATED")]


@pytest.mark.parametrize("shape", ["flat", "nested", "organization"])
@pytest.mark.parametrize("number", ["text", "number"])
def test_messages_are_understood(scene: Scene, shape: str, number: str) -> None:
    scene.sim.configure(message_shape=shape, message_number=number, message_time=True)
    made = scene.sim.add_message("Vedlikehold", municipality_number="0301", municipality_name="OSLO")
    (found,) = [push_of(json.dumps(body).encode()) for body in scene.sim.due_pushes()]
    assert isinstance(found, Message)
    assert (found.id, found.text, found.type, found.action) == (made, "Vedlikehold", "DISTRIBUTOR", "Created")
    assert found.municipality_number == "0301"
