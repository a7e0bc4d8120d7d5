"""The configuration of the program in one process: a portal, two networks, a person, a command, and perhaps a KODE.

Its addresses are never called.
"""

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from syncer import config as conf
from syncer.simulators.kode import Credentials
from tests.prove.chain_configured import CHAIN, GKS4_SECRET, VITEC_SECRET
from tests.ring.harness import KEY, PASSWORD

ELSEWHERE = "3106"  # the service that `sydnet` delivers, which can't schedule
TIMEOUT = 10.0  # seconds, of the shared clock: nobody waits for them
SETTINGS = """
[log]
level = "error"

[portals.tg]
kind = "xsp"
url = "http://127.0.0.1:9/xsp/plain/serviceguide_log"
api_user = 1234
api_key = {{ file = "key.secret" }}
since = 2020-01-01
timeout = "{timeout:g}s"
rate = 1000
max_answer = "1MB"
{portal_lines}

[fulfilments.nordnet]
kind = "on_api"
url = "http://127.0.0.1:9/nordnet/onapi/{nordnet}/"
username = "sp"
password = {{ file = "password.secret" }}
timeout = "{timeout:g}s"
rate = 1000
max_answer = "1MB"
{nordnet_lines}

[fulfilments.sydnet]
kind = "on_api"
url = "http://127.0.0.1:9/sydnet/onapi/{sydnet}/"
username = "sp"
password = {{ file = "password.secret" }}
timeout = "{timeout:g}s"
rate = 1000
max_answer = "1MB"
{sydnet_lines}

[fulfilments.desk]
kind = "manual"

[fulfilments.script]
kind = "command"
command = ["/bin/true"]
timeout = "{timeout:g}s"

[[routes]]
portal = "tg"
match = {{ service = "3105" }}
fulfilment = "nordnet"
service = "FIBER-250-250"

[[routes]]
portal = "tg"
match = {{ service = "3106" }}
fulfilment = "sydnet"
service = "FIBER-250-250"

[[routes]]
portal = "tg"
match = {{ service = "3200" }}
fulfilment = "desk"

[[routes]]
portal = "tg"
match = {{ service = "3300" }}
fulfilment = "script"
"""

MOST = 8_000  # bytes of a file
KODE = """
[portals.kode]
kind = "kode"
url = "http://127.0.0.1:9/kode/kode/v1"
token_url = "http://127.0.0.1:9/kode/authentication/v2/token"
client_id = "acme-client"
client_secret = {{ file = "client.secret" }}
username = "acme-api"
password = {{ file = "kode.secret" }}
push_secret = {{ file = "push.secret" }}
timeout = "{timeout:g}s"
file_timeout = "{timeout:g}s"
rate = 1000
max_answer = "1MB"
max_file_size = "8KB"

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
"""


def lines_of(options: Mapping[str, Any]) -> str:
    """What an operator who knows a network writes about it."""
    return "" if options.get("finished_listed", True) else "lists_finished = false"


def keeping(config: Any, folder: Path) -> Any:
    """The same, with KODE's files in a folder."""
    account = config.portals["kode"].model_copy(update={"files_dir": folder})
    return config.model_copy(update={"portals": {**config.portals, "kode": account}})


@cache
def configuration(
    nordnet: str = "2.4",
    sydnet: str = "2.6",
    *,
    portal_lines: str = "",
    nordnet_lines: str = "",
    sydnet_lines: str = "",
    kode: bool = False,
    chain: bool = False,
) -> Any:
    """The configuration, read once for each choice of its gaps."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known = Credentials()
        given = {"client": known.client_secret, "kode": known.password, "push": "en-hemlighet-som-ingen-gissar"}
        given |= {"vitec": VITEC_SECRET, "gks4": GKS4_SECRET}
        for secret, text in (("key", KEY), ("password", PASSWORD), *given.items()):
            (folder / f"{secret}.secret").write_text(text, encoding="utf-8")
            (folder / f"{secret}.secret").chmod(0o600)
        filled = (SETTINGS + (KODE if kode else "")).format(
            timeout=TIMEOUT,
            nordnet=nordnet,
            sydnet=sydnet,
            portal_lines=portal_lines,
            nordnet_lines=nordnet_lines,
            sydnet_lines=sydnet_lines,
        )
        (folder / "syncer.toml").write_text(filled + (CHAIN if chain else ""), encoding="utf-8")
        return conf.load(folder / "syncer.toml")
