"""Claims about the judge of the day's files: it is content with work well done, and notices every lie.

One order has two files of which one was deleted, one was refunded, one has a file that can't be kept.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from syncer.simulators.archive import STATES, Archive, Evidence, Filed, on_disk
from syncer.simulators.bureau import Bureau
from syncer.simulators.host import Host
from syncer.simulators.kode import Elsewhere, KodeSimulator, asset_bytes

REFUSED = "a file can't be kept: its address is nobody's"


class Filing:
    """Does by hand what the program should: it fetches each file once, and keeps those that it should keep."""

    def __init__(self) -> None:
        self.kode = KodeSimulator()
        self.host = Host({"/kode": self.kode, "/kode-files": Elsewhere(self.kode)})
        self.bureau = Bureau(self.kode)
        self.bureau.begin()
        self.whole, self.refunded, self.foreign = (errand.order for errand in self.bureau.errands)
        self.asset = self.kode.add_file(self.whole)
        self.deleted = self.kode.add_file(self.whole, size=900)
        self.gone = self.kode.add_file(self.refunded)
        self.unkept = self.kode.add_file(self.foreign)
        self.forgetful = False
        self.token = self.sign_in()
        for asset in (self.asset, self.deleted, self.gone):
            self.fetch(asset)
        self.kode.delete_file(self.deleted)
        for order, status in ((self.whole, "FINISHED"), (self.refunded, "REFUNDED"), (self.foreign, "FINISHED")):
            self.kode.change_status(order, status)
        self.disk = {f"kode:{self.whole}/Ferdigattest.pdf": self.kode.digest(self.asset)}
        self.seen = [self.view(order["order"], STATES[order["status"]]) for order in self.kode.orders()]
        self.seen[2]["parked"] = REFUSED
        self.told = {
            f"kode:{self.whole}": [self.receipt(self.asset, "kept"), self.receipt(self.deleted, "gone", "deleted")],
            f"kode:{self.refunded}": [self.receipt(self.gone, "gone", "refunded")],
            f"kode:{self.foreign}": [self.receipt(self.unkept, "refused", "its address is nobody's")],
        }

    def sign_in(self) -> str:
        given = self.kode.tokens.credentials
        body = {name: getattr(given, name) for name in ("client_id", "client_secret", "username", "password")}
        kind = {"content-type": "application/json"}
        asked = json.dumps({"grant_type": "password", **body}).encode
        answer = self.host.ask("POST", "/kode/authentication/v2/token", kind, asked, "")
        return str(json.loads(answer.body)["access_token"])

    def fetch(self, asset: str) -> None:
        carried = {"authorization": f"Bearer {self.token}"}
        self.host.ask("GET", f"/kode/shopping/v2/assets/{asset}", carried, lambda: b"", "")

    def leak(self) -> None:
        self.host.ask("GET", "/kode-files/files/0/x", {"authorization": f"Bearer {self.token}"}, lambda: b"", "")

    def view(self, order: int, state: str) -> dict[str, Any]:
        return {"order": f"kode:{order}", "state": state, "portal_status": state, "parked": None}

    def receipt(self, asset: str, state: str, why: str = "") -> dict[str, Any]:
        return {"asset": asset, "state": state, "why": why, "sha256": self.kode.digest(asset)}

    @property
    def archive(self) -> Archive:
        journal = [] if self.forgetful else self.host.journal
        return Archive(self.kode, self.bureau.errands, journal, Evidence(self.disk, self.told))

    def complaints(self) -> list[str]:
        found = [text for filed in self.archive.judge(self.seen) for text in filed.complaints]
        return [*found, *self.archive.strays()]


def test_it_is_content_with_work_well_done() -> None:
    filing = Filing()
    assert filing.complaints() == []
    whole, refunded, foreign = filing.archive.judge(filing.seen)
    assert (whole.kept, whole.removed, whole.status) == (1, 1, "FINISHED")
    assert (refunded.kept, refunded.removed, refunded.status) == (0, 1, "REFUNDED")
    assert (foreign.kept, foreign.removed, foreign.parked) == (0, 0, REFUSED)


def where_it_is(filing: Filing) -> str:
    return next(iter(filing.disk))


LIES: dict[str, tuple[Callable[[Filing], object], str]] = {
    "a file is missing": (lambda one: one.disk.clear(), "1 of its files are not on the disk"),
    "half a file": (lambda one: one.disk.update({where_it_is(one): "abc"}), "not on the disk, or not whole"),
    "a file twice": (
        lambda one: one.disk.update({f"kode:{one.whole}/again.pdf": one.kode.digest(one.asset)}),
        "1 files on the disk are none of its own, or there twice",
    ),
    "a deleted file stays": (
        lambda one: one.disk.update({f"kode:{one.whole}/old.pdf": one.kode.digest(one.deleted)}),
        "1 files on the disk are none of its own",
    ),
    "a refunded order's file stays": (
        lambda one: one.disk.update({f"kode:{one.refunded}/map.pdf": one.kode.digest(one.gone)}),
        "1 files on the disk are none of its own",
    ),
    "a part that nobody finished": (
        lambda one: one.disk.update({f"kode:{one.whole}/.part-1": "abc"}),
        "1 files on the disk are none of its own",
    ),
    "a file in nobody's folder": (lambda one: one.disk.update({"kode:1/x.pdf": "abc"}), "where none belongs: kode:1"),
    "a file beside the folders": (lambda one: one.disk.update({"x.pdf": "abc"}), "where none belongs: x.pdf"),
    "a file fetched twice": (lambda one: one.fetch(one.asset), "was fetched 2 times, not once"),
    "a refunded file fetched again": (lambda one: one.fetch(one.gone), "was fetched 2 times, not once"),
    "a file from nowhere": (lambda one: setattr(one, "forgetful", True), "was fetched 0 times, not once"),
    "a token elsewhere": (lambda one: one.leak(), "a token of KODE's went elsewhere: kode-files"),
    "an order that the program lost": (lambda one: one.seen.pop(0), "the program doesn't know the order"),
    "an old state": (lambda one: one.seen[0].update(state="active"), "the program says active, not delivered"),
    "an old status": (lambda one: one.seen[1].update(portal_status="active"), "not cancelled"),
    "set aside without need": (lambda one: one.seen[0].update(parked="a bug"), "set aside: a bug"),
    "not set aside": (lambda one: one.seen[2].update(parked=None), "not set aside because of"),
    "no receipt": (lambda one: one.told[f"kode:{one.refunded}"].clear(), "the program says unknown, not gone"),
    "a receipt without a reason": (
        lambda one: one.told[f"kode:{one.refunded}"][0].update(why=""),
        "the program doesn't say why it is gone",
    ),
    "a receipt that still has it": (
        lambda one: one.told[f"kode:{one.whole}"][1].update(state="kept"),
        "the program says kept, not gone",
    ),
    "a wrong hash": (
        lambda one: one.told[f"kode:{one.whole}"][0].update(sha256="abc"),
        "the program has a wrong hash",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_it_notices(lie: str) -> None:
    filing = Filing()
    tell_it, complaint = LIES[lie]
    tell_it(filing)
    assert any(complaint in text for text in filing.complaints()), filing.complaints()


def test_everything_on_the_disk_is_seen_by_its_hash_and_a_link_is_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "kode:1"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(asset_bytes("a", 300))
    (folder / ".hidden").write_bytes(b"")
    (folder / "link").symlink_to(folder / "a.pdf")
    (tmp_path / "away").symlink_to(tmp_path)
    assert on_disk(tmp_path) == {
        "away": "no file",
        "kode:1/.hidden": hashlib.sha256(b"").hexdigest(),
        "kode:1/a.pdf": hashlib.sha256(asset_bytes("a", 300)).hexdigest(),
        "kode:1/link": "no file",
    }
    assert on_disk(tmp_path / "nowhere") == {}


def test_an_order_of_ours_is_called_by_whom_it_was_placed_for() -> None:
    filing = Filing()
    ours = replace(filing.archive, errands=())
    assert [type(one) for one in ours.judge(filing.seen)] == [Filed] * 3
    assert ours.judge(filing.seen)[0].kind == "ordered for OPPDRAG-41"
