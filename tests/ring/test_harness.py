"""The judge bites: what it is there to find, it finds."""

from pathlib import Path

import pytest
import requests
from requests.auth import HTTPBasicAuth

from tests.ring.harness import FIBER, PASSWORD, World, assert_nothing_twice


def portal(world: World, **params: str) -> None:
    requests.get(f"{world.host.url}/xsp/plain/serviceguide_log", params=params, timeout=10)


def tell(world: World, number: str, status: str) -> None:
    login = {"method": "api_login", "api_user": "1234", "api_key": world.portal.api_key}
    answer = requests.get(f"{world.host.url}/xsp/plain/serviceguide_log", params=login, timeout=10)
    key = answer.text.partition("<hash_key>")[2].partition("<")[0]
    portal(world, method="set_status", hash=key, id=number, status=status)


def activate(world: World, access: str) -> None:
    body = {"operation": "ACTIVATE", "accessId": access, "service": FIBER, "spReference": "tg.1.s1"}
    url = f"{world.host.url}/nordnet/onapi/2.4/orders/"
    requests.post(url, json=body, auth=HTTPBasicAuth(b"sp", PASSWORD.encode()), timeout=10)


def test_a_status_told_twice_is_found(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        number = world.order()
        tell(world, number, "received")
        tell(world, number, "active")
        assert_nothing_twice(world)
        tell(world, number, "received")
        with pytest.raises(AssertionError):
            assert_nothing_twice(world)


def test_a_message_written_twice_is_found(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        number = world.order()
        message = {"method": "add_message", "api_user": "1234", "id": number, "message": "Hej", "type": "log"}
        portal(world, **message)
        assert_nothing_twice(world)
        portal(world, **message)
        with pytest.raises(AssertionError):
            assert_nothing_twice(world)


def test_an_activation_sent_again_is_found_though_the_network_makes_one_order_of_both(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        access = world.access()
        activate(world, access)
        assert len(world.network.activations()) == 1
        assert_nothing_twice(world)
        activate(world, access)
        assert len(world.network.activations()) == 1
        with pytest.raises(AssertionError):
            assert_nothing_twice(world)
