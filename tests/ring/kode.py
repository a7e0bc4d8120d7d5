"""A world with a KODE in it: an account that is a portal, whose files are kept, and that a route places orders with."""

import hashlib
from pathlib import Path
from typing import Any

from syncer.orders import File, FileState, Order
from syncer.simulators.kode import Credentials, Elsewhere, KodeSimulator, Script
from syncer.simulators.kode.model import File as Delivered
from tests.ring.harness import World

SECRET = "en-hemlighet-som-ingen-gissar"
PLACED = "7700"  # the portal's service that a route has KODE deliver
PACKAGE = "WI99990101"
PLACE = {"address": "Prøveveien 7, 9999 Infoland", "cadastre": "9999-12-34-0-0"}
CONFIGURED = """
[portals.kode]
kind = "kode"
url = "{url}/kode/kode/v1"
token_url = "{url}/kode/authentication/v2/token"
client_id = "acme-client"
client_secret = {{ file = "client.secret" }}
username = "acme-api"
password = {{ file = "kode.secret" }}
push_secret = {{ file = "push.secret" }}
timeout = "5s"
rate = 1000
{lines}

[fulfilments.kode_orders]
kind = "kode"
portal = "kode"

[[routes]]
portal = "tg"
match = {{ service = "7700" }}
fulfilment = "kode_orders"
order = "cadastre"
products = ["WI99990101"]
fields = {{ cadastre = "{{cadastre}}", address = "{{address}}" }}
{route}
"""


class KodeWorld(World):
    """A portal, a network and a KODE. `options` are the KODE's, `lines` its configuration's."""

    def __init__(
        self, folder: Path, *, options: dict[str, Any] | None = None, lines: str = "", route: str = "", more: str = "",
        **settings: Any,
    ) -> None:  # fmt: skip
        folder.mkdir(exist_ok=True)
        secrets = Credentials()
        given = {"client": secrets.client_secret, "kode": secrets.password, "push": SECRET}
        for name, secret in given.items():
            (folder / f"{name}.secret").write_text(secret)
            (folder / f"{name}.secret").chmod(0o600)
        self._kode = KodeSimulator(now=self._time, mount="/kode", **(options or {}))
        text = CONFIGURED.replace("{url}", "\0").format(lines=lines, route=route).replace("\0", "{url}")
        super().__init__(
            folder,
            others={"/kode": self._kode, "/kode-files": Elsewhere(self._kode), **settings.pop("others", {})},
            more=text + more,
            **settings,
        )

    def _time(self) -> Any:
        return self.clock()

    @property
    def kode(self) -> KodeSimulator:
        return self._kode

    # --- what is done -------------------------------------------------------------------------------------------

    def place(self, *files: Delivered, script: Script | None = None, **more: Any) -> str:
        """An order that somebody placed elsewhere, and that the program is told of; its id."""
        number = str(self._kode.add_order(script=script or Script(), **more))
        for file in files:
            self._kode.add_file(int(number), file)
        self.name(number)
        return number

    def name(self, *numbers: str) -> None:
        """Somebody names orders to be followed."""
        with self.reading() as store:
            store.watch("kode", numbers, self.clock())

    def later(self, **by: float) -> None:
        """So much time goes by, and then a pass is made."""
        self.clock.go_on(**by)
        self.once()

    # --- what came of it ----------------------------------------------------------------------------------------

    def known(self, number: str) -> Order:
        with self.reading() as store:
            found = store.load(f"kode:{number}")
        assert found is not None
        return found[0]

    def files(self, number: str) -> list[File]:
        with self.reading() as store:
            return store.files(f"kode:{number}")

    @property
    def root(self) -> Path:
        return self.folder / "state" / "files"

    def on_disk(self) -> dict[str, str]:
        """Every file below the files' directory, with its hash."""
        found = sorted(path for path in self.root.rglob("*") if not path.is_dir()) if self.root.exists() else []
        return {str(path.relative_to(self.root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}

    def expected(self) -> dict[str, str]:
        """What should be there: each file that is kept, by the hash that KODE itself would give."""
        with self.reading() as store:
            orders = [order for order in store.orders() if order.portal == "kode"]
            return {
                f"{order.name}/{file.name}": self._kode.digest(file.asset)
                for order in orders
                for file in store.files(order.name)
                if file.state is FileState.KEPT
            }


def assert_files_are_right(world: KodeWorld) -> None:
    """On the disk is each file that is kept, whole, and nothing else; and no token went where it should not."""
    assert world.on_disk() == world.expected()
    assert world.kode.leaks() == []
