"""Claims about the simulated KODE's files: their objects, addresses, bytes, and who gets them (kode.md, section 9)."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest

from syncer.simulators.kode import Elsewhere, KodeSimulator, asset_digest, hostile_names
from syncer.simulators.wire import Reply, Request
from tests.simulators.kode_bench import PACKAGE, Bench, assets_of


def bench_with_file(*, size: int = 1000, **options: Any) -> tuple[Bench, int, str]:
    """A bench, an order, and its one file's id."""
    bench = Bench(**options)
    number = bench.created()["id"]
    return bench, number, bench.sim.add_file(number, size=size)


def only_asset(bench: Bench, number: int) -> dict[str, Any]:
    (asset,) = assets_of(bench.tree(number))
    return asset


# --- objects --------------------------------------------------------------------------------------------------------


def test_a_file_has_its_id_at_the_end_of_its_address_and_two_names() -> None:
    bench, number, made = bench_with_file()
    asset = only_asset(bench, number)
    assert asset == {
        "id": made,
        "name": "scan_001.pdf",
        "filename": "Ferdigattest.pdf",
        "downloadUrl": f"http://kode.test/kode/shopping/v2/assets/{made}",
        "assetStatus": "OK",
        "productCategory": "KOMMUNAL_INFORMASJON",
    }
    assert len(made) == 32
    with pytest.raises(ValueError, match="invalid literal"):
        int(made, 16)


def test_files_hang_on_orders_and_on_lines() -> None:
    bench = Bench()
    number = bench.created()["id"]
    on_order, on_line, on_package = (bench.sim.add_file(number, on=on) for on in ("order", "line", PACKAGE))
    (order,) = bench.tree(number)["orders"]
    assert [asset["id"] for asset in order["assets"]] == [on_order]
    assert [[asset["id"] for asset in line["assets"]] for line in order["orderLines"]] == [[on_package], [on_line], []]
    with pytest.raises(LookupError):
        bench.sim.add_file(number, on="WI00000000")


@pytest.mark.parametrize("category", ["PRODUKT_UTEN_KATEGORI", "PRODUCT_UTEN_KATEGORI", "VEDTEKTER", "NOE_NYTT", ""])
def test_a_file_can_be_of_any_category(category: str) -> None:
    bench, number, _ = bench_with_file()
    bench.sim.add_file(number, category=category)
    assert assets_of(bench.tree(number))[-1]["productCategory"] == category


def test_the_status_can_stand_under_the_other_name() -> None:
    bench, number, _ = bench_with_file(status_field="status")
    asset = only_asset(bench, number)
    assert (asset["status"], "assetStatus" in asset) == ("OK", False)


def test_names_are_given_or_hostile_or_all_the_same_or_missing() -> None:
    bench = Bench()
    number = bench.created()["id"]
    bench.sim.add_file(number, name="../x", filename="y")
    assert (only_asset(bench, number)["name"], only_asset(bench, number)["filename"]) == ("../x", "y")
    hostile, number, _ = bench_with_file(names="hostile")
    for _ in range(60):
        hostile.sim.add_file(number)
    names = [asset["name"] for asset in assets_of(hostile.tree(number))]
    assert names == hostile_names(500)[:61]
    same, number, _ = bench_with_file(names="same")
    same.sim.add_file(number)
    assert [asset["filename"] for asset in assets_of(same.tree(number))] == ["Ferdigattest.pdf"] * 2
    absent, number, _ = bench_with_file(names="absent")
    assert not {"name", "filename"} & only_asset(absent, number).keys()


def test_there_are_five_hundred_different_hostile_names_and_more_and_always_the_same() -> None:
    names = hostile_names(2000)
    assert len(set(names)) == 2000
    assert names[:500] == hostile_names(500)
    assert names != hostile_names(2000, seed=2)
    assert sum("../" in name for name in names) > 100
    assert {"", ".", "..", "CON"} <= set(names)
    assert json.loads(json.dumps(names)) == names


def test_a_file_can_be_listed_on_its_line_and_on_its_order_too() -> None:
    bench, number, made = bench_with_file(listed_twice=True)
    assert [asset["id"] for asset in assets_of(bench.tree(number))] == [made, made]


@pytest.mark.parametrize("made", ["../../x", "a/b", "CON", "%2e%2e", "å ö", "x" * 300, "..", "\x00"])
def test_a_file_can_have_a_hostile_id_and_is_found_by_it(made: str) -> None:
    bench = Bench()
    number = bench.created()["id"]
    assert bench.sim.add_file(number, id=made) == made
    asset = only_asset(bench, number)
    assert (asset["id"], bench.download(asset).status) == (made, 200)
    with pytest.raises(ValueError, match="already"):
        bench.sim.add_file(number, id=made)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://kode.test/x", "/shopping/v2/assets/x", "http://", ""])
def test_a_file_can_have_an_address_that_no_honest_kode_would_give(url: str) -> None:
    bench = Bench()
    number = bench.created()["id"]
    bench.sim.add_file(number, url=url)
    assert only_asset(bench, number)["downloadUrl"] == url


def test_a_file_can_have_a_status_that_nobody_has_heard_of() -> None:
    bench, number, made = bench_with_file()
    bench.sim.change_file(made, "QUARANTINED")
    assert only_asset(bench, number)["assetStatus"] == "QUARANTINED"
    assert bench.pushed() == ["NEW", "UPDATED"]


# --- what becomes of files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_deleted_file_stays_listed_and_its_address_is_good_no_more(status: int) -> None:
    bench, number, made = bench_with_file(deleted_status=status)
    asset = only_asset(bench, number)
    bench.sim.delete_file(made)
    assert only_asset(bench, number)["assetStatus"] == "DELETED"
    assert bench.download(asset).status == status
    bench.sim.configure(deleted_status=200)
    assert bench.download(asset).status == 200


def test_a_file_that_is_dropped_is_as_if_it_had_never_been() -> None:
    bench, number, made = bench_with_file()
    bench.sim.drop_file(made)
    assert assets_of(bench.tree(number)) == []
    assert bench.sim.order(number)["files"][0]["status"] == "OK"


def test_a_replaced_file_has_the_names_and_another_id() -> None:
    bench, number, made = bench_with_file()
    other = bench.sim.replace_file(made, size=2000)
    old, new = assets_of(bench.tree(number))
    assert (old["id"], old["assetStatus"], new["id"], new["assetStatus"]) == (made, "DELETED", other, "OK")
    assert (old["name"], old["filename"]) == (new["name"], new["filename"])
    assert bench.sim.digest(made) != bench.sim.digest(other)


@pytest.mark.parametrize(("how", "listed"), [("kept", ["OK"]), ("deleted", ["DELETED"]), ("dropped", [])])
@pytest.mark.parametrize("status", ["CANCELLED", "REFUNDED"])
def test_a_cancelled_orders_files_are_kept_deleted_or_dropped(how: str, listed: list[str], status: str) -> None:
    bench, number, _ = bench_with_file(cancelled_assets=how)
    bench.sim.change_status(number, status)
    assert [asset["assetStatus"] for asset in assets_of(bench.tree(number))] == listed


def test_a_file_of_a_script_can_be_deleted_again_by_the_clock() -> None:
    bench = Bench()
    bench.sim.set_script({"files": [{"after": 10, "deleted_after": 30}]})
    number = bench.created()["id"]
    seen = []
    for _ in range(4):
        seen.append([asset["assetStatus"] for asset in assets_of(bench.tree(number))])
        bench.clock.pass_(10)
    assert seen == [[], ["OK"], ["OK"], ["DELETED"]]


# --- downloads ------------------------------------------------------------------------------------------------------


def test_a_download_gives_the_files_bytes_and_is_journaled() -> None:
    bench, number, made = bench_with_file(size=1000)
    reply = bench.download(only_asset(bench, number))
    assert (reply.status, len(reply.body), reply.content_type) == (200, 1000, "application/pdf")
    assert hashlib.sha256(reply.body).hexdigest() == bench.sim.digest(made) == asset_digest(made, 1000)
    assert reply.effect == {"what": "download", "asset": made, "bytes": "1000"}
    (download,) = bench.sim.downloads()
    assert (download["asset"], download["order"], download["size"], download["sent"]) == (made, number, 1000, 1000)


@pytest.mark.parametrize(
    ("wanted", "with_token", "without"), [("bearer", 200, 401), ("none", 200, 200), ("refused", 403, 200)]
)
def test_a_download_wants_a_token_or_does_not_mind_or_takes_none(wanted: str, with_token: int, without: int) -> None:
    bench, number, _ = bench_with_file(download_auth=wanted)
    asset = only_asset(bench, number)
    assert (bench.download(asset).status, bench.download(asset, bearer="").status) == (with_token, without)
    assert bench.sim.leaks() == []


def test_a_missing_scope_shows_at_the_download_first() -> None:
    bench, number, _ = bench_with_file(old_scopes=True)
    asset = only_asset(bench, number)
    bench.sim.configure(missing_scopes=["shopping.read"])
    assert bench.download(asset).status == 403


def test_a_file_that_there_is_not_is_not_found() -> None:
    bench, number, made = bench_with_file()
    asset = only_asset(bench, number)
    assert bench.ask("GET", f"/shopping/v2/assets/{made[:-1]}0").status == 404
    assert bench.download({"downloadUrl": asset["downloadUrl"] + "/"}).status == 404
    assert bench.ask("GET", f"/shopping/v2/blobs/{'9' * 6000}/{made}").status == 404
    assert elsewhere(bench, f"/files/{'9' * 6000}/{made}").status == 404


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_an_address_expires_until_the_order_is_read_again(status: int) -> None:
    bench, number, _ = bench_with_file(address_life=60, expired_status=status)
    asset = only_asset(bench, number)
    bench.clock.pass_(59)
    assert bench.download(asset).status == 200
    bench.clock.pass_(1)
    assert [bench.download(asset).status for _ in range(2)] == [status, status]
    assert bench.download(only_asset(bench, number)).status == 200


def test_fresh_addresses_end_the_earlier_ones() -> None:
    bench, number, made = bench_with_file(address="fresh")
    first, second = only_asset(bench, number), only_asset(bench, number)
    assert first["downloadUrl"] != second["downloadUrl"]
    assert second["downloadUrl"].endswith(made)
    assert [bench.download(each).status for each in (first, second)] == [404, 200]
    bench.sim.configure(address="fixed")
    assert bench.download(only_asset(bench, number)).status == 200


def test_addresses_can_be_ended_at_once() -> None:
    bench, number, made = bench_with_file()
    other = bench.sim.add_file(number)
    one, two = assets_of(bench.tree(number))
    bench.sim.expire_addresses(made)
    assert [bench.download(each).status for each in (one, two)] == [404, 200]
    bench.sim.expire_addresses()
    assert [bench.download(each).status for each in (one, two)] == [404, 404]
    assert [bench.download(each).status for each in assets_of(bench.tree(number))] == [200, 200]
    assert other == two["id"]


def test_a_download_can_tell_its_name_or_not_even_its_type() -> None:
    bench, number, _ = bench_with_file(disposition=True, untyped=True, names="hostile")
    for _ in range(60):
        bench.sim.add_file(number)
    for asset in assets_of(bench.tree(number)):
        reply = bench.download(asset)
        assert reply.content_type == ""
        said = reply.headers["Content-Disposition"]
        assert said.isascii()
        assert said.isprintable()


# --- other hosts ----------------------------------------------------------------------------------------------------


def elsewhere(bench: Bench, address: str, headers: Mapping[str, str] | None = None, query: str = "") -> Reply:
    pairs = {"token": query} if query else {}
    path = address.removeprefix("http://localhost/kode-files").removeprefix("http://files.test")
    return Elsewhere(bench.sim).handle(Request("GET", path, pairs, dict(headers or {})))


@pytest.mark.parametrize("options", [{"at": "elsewhere"}, {"redirect": "elsewhere"}])
def test_a_file_on_another_host_needs_no_token_and_one_that_arrives_is_a_leak(options: dict[str, Any]) -> None:
    bench, number, made = bench_with_file(files_url="http://files.test", **options)
    address = only_asset(bench, number)["downloadUrl"]
    if "redirect" in options:
        sent_on = bench.download(only_asset(bench, number))
        assert (sent_on.status, sent_on.effect) == (302, None)
        address = sent_on.headers["Location"]
    assert address.startswith("http://files.test/files/")
    assert address.endswith(made)
    clean = elsewhere(bench, address)
    assert clean.effect == {"what": "download", "asset": made, "bytes": "1000"}
    assert bench.sim.leaks() == []
    leaking = elsewhere(bench, address, {"authorization": f"Bearer {bench.token}"})
    assert (leaking.status, leaking.effect) == (200, {"what": "leak", "where": "kode-files"})
    elsewhere(bench, address, {"cookie": f"t={bench.token}"})
    elsewhere(bench, address, query=bench.token)
    assert [leak["where"] for leak in bench.sim.leaks()] == ["kode-files"] * 3
    assert bench.token not in json.dumps(bench.sim.leaks())
    assert elsewhere(bench, "http://files.test/").status == 404


def test_an_address_on_another_host_expires_too() -> None:
    bench, number, _ = bench_with_file(files_url="http://files.test", at="elsewhere", expired_status=403)
    address = only_asset(bench, number)["downloadUrl"]
    request = Request("GET", address.removeprefix("http://files.test"))
    files = Elsewhere(bench.sim)
    assert (files.name, files.operation(request)) == ("kode-files", "files.download")
    bench.sim.expire_addresses()
    assert files.handle(request).status == 403
    only_asset(bench, number)
    assert files.handle(request).status == 200


def test_without_an_address_of_its_own_the_other_host_is_this_one_by_another_name() -> None:
    sim = KodeSimulator(mount="/kode", at="elsewhere", download_auth="none")
    number = sim.add_order()
    sim.add_file(number)
    sim.tokens.check = lambda *_: None  # type: ignore[method-assign]
    reply = sim.handle(Request("GET", f"/kode/v1/orders/{number}", {}, {"host": "127.0.0.1:9000"}))
    assert assets_of(json.loads(reply.body))[0]["downloadUrl"].startswith("http://localhost:9000/kode-files/files/0/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_the_same_host_wants_the_token_there_too(status: int) -> None:
    bench, number, made = bench_with_file(redirect="own", redirect_status=status)
    sent_on = bench.download(only_asset(bench, number))
    assert (sent_on.status, sent_on.headers["Location"]) == (
        status,
        f"http://kode.test/kode/shopping/v2/blobs/0/{made}",
    )
    there = {"downloadUrl": sent_on.headers["Location"]}
    assert [bench.download(there, bearer=bearer).status for bearer in (None, "")] == [200, 401]


def test_a_token_in_an_address_is_a_leak_on_the_own_host_too() -> None:
    bench, number, _ = bench_with_file()
    reply = bench.ask("GET", f"/kode/v1/orders/{number}?access_token={bench.token}")
    assert (reply.status, reply.effect) == (200, {"what": "leak", "where": "outside the header"})
    refreshing = bench.login()["refresh_token"]
    assert bench.refresh(refreshing).status == 200
    assert len(bench.sim.leaks()) == 1
