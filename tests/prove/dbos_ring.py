"""The same orders handled by a DBOS program, to be killed beside ours: `python dbos_ring.py SETTINGS.json`.

Written as DBOS's documentation has it: a workflow to each order, whose id is the order's, so that no poll starts it
twice; each call to a remote a step, retried where the remote is in trouble; durable sleep; recovery at the start. Its
steps are made at least once, by design, and it has no place to ask a remote whether the last attempt had its effect:
what that costs is what the benchmark measures. Nothing of syncer may be imported here.
"""

# mypy: disable-error-code="import-not-found, untyped-decorator, no-any-return"
# DBOS is installed in an environment of its own (requirements-dbos.txt), which the type checker doesn't see.

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import requests
from dbos import DBOS, SetWorkflowID

SETTINGS: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
POLL_EVERY = 0.5
TIMEOUT = 1.0
TRY_AGAIN: dict[str, Any] = {"retries_allowed": True, "interval_seconds": 0.3, "backoff_rate": 1.2, "max_attempts": 20}
DONE, REFUSED = 0, 65  # the command's exit codes

# --- the remotes ----------------------------------------------------------------------------------------------


class TroubleError(Exception):
    """The remote gave no answer that is one: the step is tried again."""


class Portal:
    """The portal's calls. One session to each thread, one login to all."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._lock = threading.Lock()
        self._hash: str | None = None

    def session(self) -> requests.Session:
        """This thread's session."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        session: requests.Session = self._local.session
        return session

    def call(self, method: str, **parameters: str) -> Element:
        """One call that needs a login."""
        root = self._ask(method=method, hash=self._login(), **parameters)
        if "Not logged in" in root.itertext():
            self._hash = None
            raise TroubleError(method)
        if root.findtext(".//status") == "failed":
            raise RuntimeError(f"{method}: {root.findtext('.//message')}")
        return root

    def _login(self) -> str:
        with self._lock:
            if self._hash is None:
                user, key = SETTINGS["api_user"], SETTINGS["api_key"]
                self._hash = self._ask(method="api_login", api_user=user, api_key=key).findtext(".//hash_key")
            if self._hash is None:
                raise TroubleError("api_login")
            return self._hash

    def _ask(self, **parameters: str) -> Element:
        url = f"{SETTINGS['url']}/xsp/plain/serviceguide_log"
        answer = self.session().get(url, params=parameters, timeout=TIMEOUT)
        if answer.status_code >= 429:
            raise TroubleError(str(answer.status_code))
        return fromstring(answer.content)  # what isn't XML is an error too, and tried again


PORTAL = Portal()


def network(method: str, path: str, **more: Any) -> requests.Response:
    """One call to the network."""
    auth = (SETTINGS["username"].encode(), SETTINGS["password"].encode())
    url = f"{SETTINGS['url']}/nordnet/onapi/2.4/{path}"
    answer = PORTAL.session().request(method, url, auth=auth, timeout=TIMEOUT, **more)
    if answer.status_code >= 429:
        raise TroubleError(str(answer.status_code))
    return answer


# --- the steps ------------------------------------------------------------------------------------------------


@DBOS.step(**TRY_AGAIN)
def read(order: str) -> dict[str, str]:
    """The order's head."""
    return _texts(PORTAL.call("order_info", id=order).find(".//order"))


@DBOS.step(**TRY_AGAIN)
def read_customer(customer: str) -> dict[str, str]:
    """The customer, whose socket is the access."""
    return _texts(PORTAL.call("customer_info", id=customer).find(".//customer"))


@DBOS.step(**TRY_AGAIN)
def tell(order: str, status: str) -> None:
    """The portal is told a status."""
    PORTAL.call("set_status", id=order, status=status)


@DBOS.step(**TRY_AGAIN)
def say(order: str, text: str) -> None:
    """A message on the order."""
    PORTAL.call("add_message", id=order, type="error", message=text)


@DBOS.step(**TRY_AGAIN)
def activate(order: str, access: str) -> dict[str, str]:
    """The network's order, or the cause of its refusal. Neither: it is active already, so an earlier attempt's was."""
    body = {"operation": "ACTIVATE", "accessId": access, "service": SETTINGS["service"], "spReference": order}
    answer = network("POST", "orders/", json=body)
    content = answer.json()
    if answer.status_code >= 400:
        return {"cause": str(content["cause"])}
    return {"path": str(content["path"])} if "path" in content else {}


@DBOS.step(**TRY_AGAIN)
def progress(path: str) -> str:
    """The state of the network's order."""
    return str(network("GET", f"orders/{path.rstrip('/').rpartition('/')[2]}").json()["state"])


@DBOS.step(**TRY_AGAIN)
def send_parcel(order: str) -> str | None:
    """Runs the courier's command; None, or why it is refused."""
    given = json.dumps({"external_id": order, "key": order})
    command: list[str] = SETTINGS["command"]
    ran = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=20)
    if ran.returncode not in {DONE, REFUSED}:
        raise TroubleError(ran.stderr)
    return ran.stderr if ran.returncode == REFUSED else None


def _texts(element: Element | None) -> dict[str, str]:
    if element is None:
        raise TroubleError("the answer holds no such element")
    return {child.tag: child.text or "" for child in element}


# --- the workflow ---------------------------------------------------------------------------------------------


@DBOS.workflow(max_recovery_attempts=None)
def handle(order: str) -> None:
    """One order, from the list to its end."""
    head = read(order)
    customer = read_customer(head["customer"])
    tell(order, "received")
    match head["service"]:
        case "3105":
            trouble = by_the_network(order, customer["socket"])
        case "3300":
            trouble = by_the_courier(order)
        case service:
            say(order, f"Not handled automatically: no route for service {service}")
            return
    if trouble is None:
        tell(order, "delivered")
    else:
        tell(order, "waiting")
        say(order, f"Activation refused: {trouble}")


def by_the_network(order: str, access: str) -> str | None:
    """Part of the workflow: ordered, and followed until it is done."""
    placed = activate(order, access)
    if "cause" in placed:
        return placed["cause"]
    tell(order, "active")
    while "path" in placed and (state := progress(placed["path"])) != "DONE_SUCCESS":
        if state == "DONE_FAILED":
            return state
        DBOS.sleep(POLL_EVERY)
    return None


def by_the_courier(order: str) -> str | None:
    """Part of the workflow: the command, and then as if by a network."""
    refusal = send_parcel(order)
    if refusal is None:
        tell(order, "active")
    return refusal


# --- the service ----------------------------------------------------------------------------------------------


def poll() -> None:
    """Starts a workflow for each new order; one that has been started already is not started again."""
    for row in PORTAL.call("orders", date="2020-01-01").iter("order"):
        head = _texts(row)
        if head["status"] == "new":
            with SetWorkflowID(f"order-{head['id']}"):
                DBOS.start_workflow(handle, head["id"])


def main() -> None:
    """Recovers what was begun, then polls, until it is killed."""
    DBOS(config={"name": "ring", "system_database_url": SETTINGS["database"], "log_level": "ERROR"})
    DBOS.launch()
    while True:
        try:
            poll()
        except (TroubleError, requests.RequestException, SyntaxError) as trouble:  # ParseError is a SyntaxError
            print(f"not polled: {type(trouble).__name__}", file=sys.stderr)
        time.sleep(POLL_EVERY)


if __name__ == "__main__":
    main()
