"""The look-ups of the simulated Connect: agents, offices, homes. They change nothing.

Who may ask was settled before.
"""

from collections.abc import Mapping
from typing import Any

from syncer.simulators.vitec.agency import Agency
from syncer.simulators.vitec.reading import invalid


def users(agency: Agency, asked: Mapping[str, str]) -> list[dict[str, Any]]:
    """The public users that fit (vitec.md, section 9); names of parameters are read in any case."""
    query = {name.lower(): text for name, text in asked.items()}
    customer, user, text = (query.get(name, "") for name in ("customerid", "userid", "searchtext"))
    return [
        dict(each.fields)
        for each in agency.users.values()
        if each.public
        and user in {"", each.user_id}
        and (not customer or customer in each.customer_ids)
        and text.casefold() in f"{each.fields['userName']} {each.fields['emailAddress']}".casefold()
    ]


def offices(agency: Agency, asked: Mapping[str, str]) -> list[dict[str, Any]]:
    """The offices that fit; the customer is required (vitec.md, section 9)."""
    query = {name.lower(): text for name, text in asked.items()}
    customer, office, group = (query.get(name, "") for name in ("customerid", "officeid", "groupid"))
    if not customer:
        raise invalid("CustomerId", "The CustomerId field is required.")
    return [
        dict(each.fields)
        for each in agency.offices.values()
        if customer == each.customer_id and office in {"", each.fields["officeId"]} and group in {"", each.chain}
    ]


def estate(agency: Agency, customer_id: str, estate_id: str) -> dict[str, Any]:
    """A home as a website shows it (vitec.md, section 9); `add_estate` may say more of it."""
    found = agency.estate(customer_id, estate_id)
    address = {"streetAddress": "Hittepåvägen 12", "zipCode": {"numerical": 99999, "value": "999 99"}}
    return {
        "id": estate_id,
        "referenceId": None,
        "status": {"id": "ForSale", "name": "Till salu"},
        "office": {"id": f"FIR{customer_id[1:]}", "customerId": customer_id},
        "primaryAgentId": None,
        "address": {**address, "postalTown": "Låtsasköping", "municipality": "Påhittade kommun", "countryCode": "SE"},
        "files": [],
        "images": [],
        "links": [],
        **found.fields,
    }
