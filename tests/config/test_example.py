"""Claims about config/syncer.toml: it is right, it has every key, and its defaults are the true ones."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from syncer.config import (
    DELIVERY_FIELDS,
    Command,
    Config,
    Gks4,
    KodeFulfilment,
    KodePortal,
    Log,
    Manual,
    OnApi,
    Operation,
    Payer,
    Privacy,
    Route,
    RouteLine,
    Store,
    Success,
    VitecPortal,
    Web,
    XspPortal,
    load,
)
from syncer.config.models.gks4 import LineNames, OrderNames, Paths, SearchNames
from syncer.config.models.operations import OPERATION_FIELDS
from syncer.config.models.routes import ORDER_FIELDS
from tests.config.written import KEY, PASSWORD, TODAY, read

EXAMPLE = Path(__file__).parents[2] / "config" / "syncer.toml"
CREDENTIALS = ("kode_secret", "kode_password", "kode_push", "vitec_m40017", "vitec_g7", "gks4_secret")


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example where it can be read: its secrets are there, and its command exchanged for one that is here."""
    text = EXAMPLE.read_text(encoding="utf-8")
    program = tmp_path / "activate"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    for name in CREDENTIALS:
        (tmp_path / name).write_text(f"{name}-0123456789", encoding="utf-8")
    copy = tmp_path / "copy.toml"
    copy.write_text(text.replace("/usr/local/bin/activate", str(program)), encoding="utf-8")
    return copy


def test_the_example_is_right_and_has_nothing_odd(example: Path) -> None:
    config = load(example, TODAY)
    assert config.warnings == ()
    assert list(config.portals) == ["tjansteguiden", "kode", "vitec"]
    assert list(config.fulfilments) == ["nordnet", "script", "desk", "kode_orders"]
    assert list(config.order_systems) == ["gks4"]
    assert set(config.secrets()) == {KEY, PASSWORD, *(f"{name}-0123456789" for name in CREDENTIALS)}


MODELS: list[type[BaseModel]] = [Config, Store, Log, Web, Privacy, XspPortal, OnApi, Command, Manual, Route]
MODELS += [KodePortal, KodeFulfilment, VitecPortal, Gks4]
INNER: list[type[BaseModel]] = [Operation, Success, Payer, RouteLine, Paths, SearchNames, OrderNames, LineNames]
FIELDS = sorted({name for model in MODELS for name in model.model_fields} - {"path", "warnings"})
INNER_FIELDS = sorted({name for model in INNER for name in model.model_fields})


@pytest.mark.parametrize("name", FIELDS)
def test_the_example_mentions_every_field(name: str) -> None:
    lines = [line.removeprefix("# ") for line in EXAMPLE.read_text(encoding="utf-8").splitlines()]
    heads = (f"{name} = ", f"[{name}", f"[[{name}", f"[portals.vitec.{name}", f"[order_systems.gks4.{name}")
    assert any(line.startswith(heads) for line in lines)


@pytest.mark.parametrize("name", [*INNER_FIELDS, *OPERATION_FIELDS, *ORDER_FIELDS, *DELIVERY_FIELDS])
def test_the_example_mentions_what_stands_in_its_tables(name: str) -> None:
    assert re.search(rf"\b{name}\b", EXAMPLE.read_text(encoding="utf-8"))


def test_what_is_commented_out_in_the_example_is_right_too(example: Path) -> None:
    lines = example.read_text(encoding="utf-8").splitlines()
    kept = [
        line.removeprefix("# ") if re.match(r"# (?:\w+ = |\[(?:portals|order_systems)\.(?!NAME))", line) else line
        for line in lines
    ]
    text = "\n".join(line for line in kept if not re.match(r"(?:password = .*db|ca_file|client_cert)", line))
    vitec = read(example.with_name("full.toml"), text).portals["vitec"]
    assert isinstance(vitec, VitecPortal)
    assert vitec.operations["delivered"].body == {"id": "{order_id}", "status": 3}


def test_a_key_whose_default_the_example_names_can_be_taken_out(example: Path) -> None:
    lines = example.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if " default: " not in line and "is the default" not in line]
    full, bare = load(example, TODAY), read(example.with_name("bare.toml"), "\n".join(kept))
    changed = {"path": full.path, "portals": full.portals}
    assert len(kept) < len(lines) - 60
    assert bare.model_copy(update=changed) == full
    for name, portal in full.portals.items():
        # These are examples, each of something that is not the default.
        examples = {"since", "push_secret", "members", "customers"} & type(portal).model_fields.keys()
        assert bare.portals[name].model_copy(update={key: getattr(portal, key) for key in examples}) == portal
