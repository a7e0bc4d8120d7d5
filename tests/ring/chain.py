"""A world with all of the mission's systems: an agent's order is placed in KODE, billed in GKS4, and given back."""

from pathlib import Path
from typing import Any

from syncer import config as conf
from syncer import wiring
from syncer.simulators.gks4 import Gks4Simulator
from syncer.simulators.vitec import VitecSimulator
from syncer.telemetry import Redactor
from syncer.web.agent import Desk, Opened
from tests.ring.kode import KodeWorld

CHAIN = """
[portals.vitec]
kind = "vitec"
url = "{url}/vitec"
username = "partner"
passwords = {{ M40017 = {{ file = "vitec.secret" }}, M40018 = {{ file = "vitec.secret" }} }}
services = [812]
timeout = "5s"
rate = 1000
since = 2020-01-01

[order_systems.gks4]
kind = "gks4"
url = "{url}/gks4"
token_url = "{url}/gks4/connect/token"
client_id = "shop-bridge"
client_secret = {{ file = "gks4.secret" }}
paths = {{ sales_orders = "/api/v1/salesorders" }}
timeout = "5s"
rate = 1000
{system}

[[routes]]
portal = "vitec"
match = {{ service = "812" }}
fulfilment = "kode_orders"
order = "cadastre"
products = ["WI99990101"]
fields = {{ cadastre = "{{cadastre}}", address = "{{address}}" }}
register = "gks4"
customer = {{ corporate_identity_number = "{{office.corporateNumber}}" }}
lines = [{{ article = "A-100", description = "Kommunal information", quantity = 1, unit_price = "950.00" }}]
"""
WEB = """
[web]
listen = "127.0.0.1:0"
public_url = "https://syncer.example"
"""
FORM = {"cadastre": "9999-12-34-0-0", "address": "Prøveveien 7, 9999 Infoland"}
OFFICE = "559999-0001"


class ChainWorld(KodeWorld):
    """`system` are lines of GKS4's configuration, `web` the section of the pages."""

    def __init__(self, folder: Path, *, system: str = "", web: str = WEB, more: str = "", **settings: Any) -> None:
        folder.mkdir(exist_ok=True)
        for name in ("vitec", "gks4"):
            (folder / f"{name}.secret").write_text(f"not-a-real-{name}-secret-7f")
            (folder / f"{name}.secret").chmod(0o600)
        passwords = dict.fromkeys(("M40017", "M40018"), "not-a-real-vitec-secret-7f")
        self.vitec = VitecSimulator(passwords=passwords, now=self._time)
        self.gks4 = Gks4Simulator(secret="not-a-real-gks4-secret-7f", now=self._time, mount="/gks4")
        self.vitec.add_office("M40017", corporateNumber=OFFICE)
        self.gks4.add_customer("K100421", OFFICE)
        self.gks4.add_article("A-100")
        text = CHAIN.replace("{url}", "\0").format(system=system).replace("\0", "{url}") + web + more
        super().__init__(folder, others={"/vitec": self.vitec, "/gks4": self.gks4}, more=text, **settings)

    # --- the agent ----------------------------------------------------------------------------------------------

    def ordered(self, **fields: Any) -> str:
        """An agent orders in Vitec, and opens no page yet; the order's id."""
        self.vitec.place_order(**fields)
        return str(self.vitec.orders()[-1]["id"])

    def at_the_desk(self, number: str, values: dict[str, str] | None = None) -> Any:
        """The agent opens the order's page, and fills in its form where there are values; what came of that."""
        config = conf.load(self.config_file)
        with self.reading() as store:
            made = wiring.remotes_of(config, Redactor(config.secrets()), self.clock, store=store)
            desk: Desk = wiring.desks_of(config, made, store, self.clock)["vitec"]
            link = self.vitec.open_order(number)
            opened = desk.exchange(link["customerId"], link["token"])
            assert opened == Opened(f"vitec:{number}")
            return None if values is None else desk.place(f"vitec:{number}", values)

    def sheet(self, number: str) -> Any:
        """What the agent sees of the order."""
        config = conf.load(self.config_file)
        with self.reading() as store:
            made = wiring.remotes_of(config, Redactor(config.secrets()), self.clock, store=store)
            desk: Desk = wiring.desks_of(config, made, store, self.clock)["vitec"]
            return desk.sheet(f"vitec:{number}")

    # --- what came of it ----------------------------------------------------------------------------------------

    def agent_order(self, number: str) -> Any:
        with self.reading() as store:
            found = store.load(f"vitec:{number}")
        assert found is not None
        return found[0]

    def placed(self) -> str:
        """The one order that was placed in KODE."""
        (one,) = self.kode.created()
        return str(one["order"])


def assert_each_once(world: ChainWorld) -> None:
    """No sales order, KODE order, note or image is there twice."""
    for what in (
        [one["reference"] for one in world.gks4.sales_orders()],
        [one["technical_reference"] for one in world.kode.created()],
        [note["text"].splitlines()[0] for note in world.vitec.notes()],
        [(image["estate_id"], image["name"]) for image in world.vitec.images()],
    ):
        assert len(what) == len(set(what)), what
