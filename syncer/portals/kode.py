"""KODE as a portal: orders that were placed elsewhere are asked about, and their files kept (contract: kode.md).

Nothing is ever told to KODE from here. Which files an order has is decided by what a fresh reading of it says and by
what the store knows of them; where they lie on the disk is the shelf's business.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

from syncer.errors import Rejected, RemoteError, Unavailable, Unreadable
from syncer.files import DiskTrouble, Shelf, TooLarge, folder_of, safe_name
from syncer.orders import (
    DUE_FILE,
    CannotTell,
    Cursor,
    Fetched,
    File,
    FileState,
    Found,
    Intent,
    Moved,
    Observation,
    Order,
    Page,
    Read,
    State,
    Unchanged,
    Work,
)
from syncer.portals.downloads import Downloads
from syncer.remotes.http import TOO_LONG
from syncer.remotes.kode import Asset, Kode, OrderUnknown, StaleAddress, Tree

STATES = {
    "NEW": State.RECEIVED,
    "PROGRESS": State.ACTIVE,
    "FINISHED": State.DELIVERED,
    "CANCELLED": State.CANCELLED,
    "REFUNDED": State.CANCELLED,
}
TAKEN_BACK = frozenset({"CANCELLED", "REFUNDED"})  # the files on the order are no longer ours to keep (section 8.3)
MOMENT = 0.5  # seconds that a pass waits for downloads
AGAIN = 60.0  # seconds until a download that failed is tried again
PATIENCE = timedelta(hours=1)  # with a file whose fresh address is refused too: it may not be ready yet
NOT_LISTED = "it was no longer listed when it was to be fetched"


class Ledger(Protocol):
    """What is known of orders and their files, for good."""

    def files(self, name: str) -> list[File]:
        """An order's files."""
        ...

    def newest(self, portal: str) -> str | None:
        """The id of a portal's newest order; None where there is none."""
        ...

    def note_file(self, name: str, file: File, now: datetime, was: FileState) -> bool:
        """Writes down what became of a file; False, and nothing is written, where it `was` something else by now."""
        ...


@dataclass(frozen=True, slots=True)
class Limit:
    """What a portal's files may take: `size` is in bytes and for one file, `parallel` how many of one order come at
    once. One more of all orders together has to be possible.
    """

    size: int = 500_000_000
    parallel: int = 4


class KodePortal:
    """A KODE account as a portal: a source whose orders are named by others, and the porter of their files."""

    def __init__(
        self,
        name: str,
        client: Kode,
        ledger: Ledger,
        shelf: Shelf,
        limit: Limit = Limit(),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self.name = name
        self._client = client
        self._ledger = ledger
        self._shelf = shelf
        self._limit = limit
        self._now = now
        self._stopped = stopped
        self._swept = False
        self._downloads: Downloads[_Outcome] = Downloads(limit.parallel)
        self._asked = True  # or is about to be: a life begins with what is due

    # --- source -----------------------------------------------------------------------------------------------

    def poll(self, cursor: Cursor, _oldest_open: Callable[[], datetime | None]) -> Page | None:
        """KODE has no list of orders (section 1): each is named by a push, by a person, or placed by us.

        Where none was asked about since the last poll, one is: whether KODE answers is to be known all the same.
        """
        asked, self._asked = self._asked, False
        newest = None if asked else self._ledger.newest(self.name)
        if newest is None:
            return None
        with suppress(Rejected, Unreadable):  # an answer, whatever it says
            self._client.order(newest)
        return Page((), (), cursor)

    def read(self, order: Order) -> Observation:
        """The order as it is there now, and what that means for each of its files.

        Raises:
            Unreadable: there is no such order, or its answer can't be read.
        """
        tree = self._tree(order)
        known = {file.asset: file for file in self._ledger.files(order.name)}
        news = tuple(_news(tree, known, retried=order.park is None))
        due = any(_is_due(file, order) for file in (known | {file.asset: file for file in news}).values())
        due = due or bool(self._downloads.over(order.name))  # what came of those is still to be told
        status = STATES.get(tree.status, tree.status) or "(none)"
        details = _details(tree)
        kept = dict(order.details) == details or (order.ended_at is not None and not order.details)  # erased is erased
        if not news and due == order.files_due and status == order.portal_status and kept:
            return Unchanged()
        return Read(status, details=order.details if kept else details, files=news, files_due=due)

    def _tree(self, order: Order) -> Tree:
        self._asked = True
        try:
            return self._client.order(order.external_id)
        except OrderUnknown as unknown:
            raise Unreadable(self.name, unknown.operation, "KODE has no order of that id") from None
        except Rejected as refusal:
            raise Unreadable(self.name, refusal.operation, refusal.cause) from None

    # --- porter -----------------------------------------------------------------------------------------------

    def fetch(self, order: Order, enough: Callable[[], bool], *, patient: bool) -> Observation | None:
        """Removes what is no longer ours to keep, and fetches what isn't here yet, several files at once.

        Downloads go on by themselves: unless `patient`, they are waited for a moment only, and None says that they are
        still under way. Of an order that a person has ended, files are removed only.
        """
        due = [file for file in self._ledger.files(order.name) if _is_due(file, order)]
        visit = _Visit(order, folder_of(order.name), patient, enough)
        try:
            self._sweep()
            self._remove(visit, [file for file in due if file.state is FileState.LEAVING])
        except DiskTrouble as trouble:
            raise self._of_the_disk(trouble) from None
        wanted = [file for file in due if file.state is FileState.WANTED]
        self._begin(visit, wanted)
        self._wait(visit, wanted)
        outcomes = {asset: self._downloads.take((name, asset)) for name, asset in self._downloads.over(order.name)}
        left = any(file.asset not in outcomes for file in wanted)
        return _sum([one for one in outcomes.values() if one is not None], left=left)

    def _sweep(self) -> None:
        """Once in a life: what a killed one was writing when it ended. Its order is due then, since it is wanted still,
        or to be removed.
        """
        if not self._swept:
            self._shelf.sweep()
            self._swept = True

    def _remove(self, visit: "_Visit", leaving: list[File]) -> None:
        """One that is just being fetched is removed once that is over."""
        for file in leaving:
            self._wait(visit, [file])
            if not self._downloads.under_way([(visit.order.name, file.asset)]):
                self._downloads.take((visit.order.name, file.asset))
                self._shelf.remove(visit.folder, file.name)
                self._note(visit.order, file, FileState.GONE, file.why)

    def _begin(self, visit: "_Visit", wanted: list[File]) -> None:
        known = self._downloads.known((visit.order.name, file.asset) for file in wanted)
        fresh = [file for file in wanted if (visit.order.name, file.asset) not in known]
        if not fresh or visit.enough():
            return
        assets = {asset.id: asset for asset in self._tree(visit.order).assets}
        for file in fresh:
            fetch = partial(self._outcome, visit, file, assets.get(file.asset))
            self._downloads.begin((visit.order.name, file.asset), fetch)

    def _wait(self, visit: "_Visit", files: list[File]) -> None:
        """Until all that are under way are over, where there is patience for that; else for a moment, if at all."""
        keys = [(visit.order.name, file.asset) for file in files]
        most = None if visit.patient else int(not self._downloads.stuck(MOMENT))
        while self._downloads.under_way(keys) and not visit.enough() and most != 0:
            self._downloads.wait(keys, MOMENT)
            most = None if most is None else most - 1

    def _outcome(self, visit: "_Visit", file: File, asset: Asset | None) -> "_Outcome":
        try:
            return _Outcome(refused=self._fetched(visit, file, asset))
        except DiskTrouble as trouble:
            return _Outcome(failure=self._of_the_disk(trouble))
        except RemoteError as failure:
            return _Outcome(failure=failure)

    def _of_the_disk(self, trouble: DiskTrouble) -> Unavailable:
        return Unavailable(self.name, "files", str(trouble), retry_after=AGAIN, order_only=True)

    def _fetched(self, visit: "_Visit", file: File, asset: Asset | None) -> str:
        """Fetches a file, with a fresh address where its own is none any more; returns why it can't be kept, or ""."""
        try:
            return self._kept(visit, file, asset)
        except StaleAddress:
            assets = {one.id: one for one in self._tree(visit.order).assets}
        try:
            return self._kept(visit, file, assets.get(file.asset))
        except StaleAddress as stale:
            if file.at is None or self._now() - file.at < PATIENCE:
                raise
            return self._refuse(visit.order, file, f"KODE refuses the address that it gives ({stale.cause})")

    def _kept(self, visit: "_Visit", file: File, asset: Asset | None) -> str:
        if asset is None or not asset.fetchable:
            return self._not_there(visit.order, file, asset)
        most = self._limit.size
        try:
            kept = self._shelf.keep(visit.folder, file.name, partial(self._pour, visit.order.name, asset), most=most)
        except (TooLarge, Unreadable, Rejected) as failure:
            return self._refuse(visit.order, file, self._why_not(failure))
        if not self._note(visit.order, file, FileState.KEPT, "", size=kept.size, sha256=kept.sha256):
            self._no_longer_wanted(visit, file)
        return ""

    def _why_not(self, failure: TooLarge | Unreadable | Rejected) -> str:
        if isinstance(failure, TooLarge) or failure.cause.startswith(TOO_LONG):
            return f"it is larger than max_file_size, {self._limit.size} bytes"
        return failure.cause + (f" ({failure.hint})" if failure.hint else "")

    def _pour(self, order: str, asset: Asset, write: Callable[[bytes], None]) -> None:
        def take(part: bytes) -> None:
            if self._stopped():
                raise Unavailable(self.name, "assets.download", "given up: syncer was stopped", order_only=True)
            write(part)

        with self._downloads.lane(order):
            self._client.download(asset, take, most=self._limit.size)

    def _no_longer_wanted(self, visit: "_Visit", file: File) -> None:
        """It was taken back while it came, unless another worker has kept it too."""
        now = next((one for one in self._ledger.files(visit.order.name) if one.asset == file.asset), None)
        if now is None or now.state is not FileState.KEPT:
            self._shelf.remove(visit.folder, file.name)

    def _not_there(self, order: Order, file: File, asset: Asset | None) -> str:
        if asset is not None and asset.deleted:
            self._note(order, file, FileState.GONE, "deleted in KODE before it was fetched")
            return ""
        return self._refuse(order, file, NOT_LISTED if asset is None else f"KODE says {asset.status!r} of it")

    def _refuse(self, order: Order, file: File, why: str) -> str:
        self._note(order, file, FileState.REFUSED, why)
        return f"a file can't be kept: {why}"

    def _note(self, order: Order, file: File, state: FileState, why: str, **facts: Any) -> bool:
        now = self._now()
        return self._ledger.note_file(order.name, replace(file, state=state, why=why, at=now, **facts), now, file.state)

    # --- sink -------------------------------------------------------------------------------------------------

    def perform(self, intent: Intent, order: Order) -> Observation:
        """Never called: nothing is told to a portal that is watched."""
        raise AssertionError(f"{intent.kind} of {order.name}: nothing is told to KODE")

    def find(self, _intent: Intent, order: Order) -> Found | CannotTell:
        """Nothing was ever told, but what KODE says of the order can be compared with what is known of it.

        Raises:
            Unreadable: there is no such order, or its answer can't be read.
        """
        status = STATES.get(self._tree(order).status)
        return CannotTell("KODE says a status that nobody knows") if status is None else Found(Moved(status))

    def check(self) -> str:
        """One harmless call: signs in."""
        return self._client.check()


@dataclass(frozen=True, slots=True)
class _Visit:
    """One go at an order's files."""

    order: Order
    folder: str
    patient: bool
    enough: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class _Outcome:
    refused: str = ""
    failure: RemoteError | None = None


def _sum(outcomes: list[_Outcome], *, left: bool) -> Observation | None:
    """What came of some files; raises where nothing but failures did."""
    refused = next((one.refused for one in outcomes if one.refused), "")
    failure = next((one.failure for one in outcomes if one.failure is not None), None)
    if refused:
        return Fetched(left=left or failure is not None, refused=refused)
    if failure is not None:
        raise _about_files(failure)
    return None if left else Fetched()


def _about_files(failure: RemoteError) -> RemoteError:
    """A download that failed is no outage of KODE: the order's files are tried again later, and nothing waits."""
    if isinstance(failure, Unavailable) and failure.operation == "assets.download":
        again = failure.retry_after or AGAIN
        return Unavailable(
            failure.remote, failure.operation, failure.cause, failure.hint, retry_after=again, order_only=True
        )
    return failure


def _news(tree: Tree, known: Mapping[str, File], *, retried: bool) -> Iterator[File]:
    """The files that are new, or that what the order says by now has changed."""
    taken = {file.name for file in known.values()}
    back = tree.status in TAKEN_BACK
    for asset in tree.assets:
        file = known.get(asset.id)
        if file is None:
            if asset.deleted or back or not asset.fetchable:
                continue
            called = asset.filename or asset.name
            name = safe_name(called, asset.id, taken)
            taken.add(name)
            yield File(asset.id, name, called, asset.category)
        elif asset.deleted:
            yield from _left(file, "deleted in KODE")
        elif file.state is FileState.REFUSED and asset.fetchable and not back and (retried or file.why == NOT_LISTED):
            yield replace(file, state=FileState.WANTED, why="")
    if back:
        for file in known.values():
            yield from _left(file, f"the order was {tree.status.lower()} in KODE")


def _is_due(file: File, order: Order) -> bool:
    """Whether something is to be done about a file: of an order that a person has ended here, none is fetched."""
    return file.state in DUE_FILE and (order.work is Work.UNBEGUN or file.state is FileState.LEAVING)


def _left(file: File, why: str) -> Iterator[File]:
    if file.state in {FileState.KEPT, FileState.WANTED}:  # it may be on its way just now
        yield replace(file, state=FileState.LEAVING, why=why)
    elif file.state is FileState.REFUSED:
        yield replace(file, state=FileState.GONE, why=why)


def _details(tree: Tree) -> dict[str, dict[str, Any]]:
    """What is kept of an order: nothing of who ordered it. Amounts and times as texts."""
    head = {
        "status": tree.status,
        "reference": tree.reference,
        "technical_reference": ", ".join(sorted(tree.technical_references)),
        "supplier": ", ".join(dict.fromkeys(order.supplier for order in tree.orders if order.supplier)),
        "price_net": tree.price_net,
        "price_vat": tree.price_vat,
        "ordered_at": tree.ordered_at and tree.ordered_at.isoformat(),
        "status_at": tree.status_at and tree.status_at.isoformat(),
    }
    lines = {
        f"line {line.id}": " ".join(filter(None, (line.product, line.product_name, line.status)))
        for order in tree.orders
        for line in order.lines
    }
    return {
        "head": {name: str(value) for name, value in head.items() if value},
        "order": lines,
    }
