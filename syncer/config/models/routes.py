"""Which order goes where, and what goes with it: to the fulfilment, and to the order system.

It must never say which of these keys a kind of fulfilment needs: that is for the checks.
"""

import warnings
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from syncer.config.lists import Names, check_keys
from syncer.config.models.base import Model, all_inside, inside
from syncer.config.templates import Template
from syncer.config.values import Text, Texts

# What an order at KODE can be told, and what each is called in its `deliveryInformation` (kode.md, section 6.2). An
# order's own `address` is the property's.
DELIVERY_FIELDS = {
    "name": "name",
    "company_name": "companyName",
    "email": "email",
    "phone": "phone",
    "alias": "alias",
    "delivery_address": "address",
    "address2": "address2",
    "address3": "address3",
    "postal_code": "postalCode",
}
ORDER_FIELDS = (
    "cadastre",
    "address",
    "organization_number",
    "share_number",
    "geometry",
    "spatial_reference",
    "reference",
)
_FIELDS = 'Write fields = { cadastre = "{cadastre}", address = "{address}" }: names, and the order\'s fields in braces.'
_CUSTOMER = 'Write customer = { number = "K100421" } or { corporate_identity_number = "{office.corporateNumber}" }.'
_LINES = 'Write lines = [{ article = "A-100", description = "…", quantity = 1, unit_price = "950.00" }].'


def _customer(value: object, info: ValidationInfo) -> object:
    from syncer.config.models.registering import Payer

    return inside(Payer, value, info)


def _lines(value: object, info: ValidationInfo) -> object:
    from syncer.config.models.registering import RouteLine

    return all_inside(RouteLine, value, info)


if TYPE_CHECKING:
    from syncer.config.models.registering import Payer, RouteLine
else:  # most routes have neither, and need not wait for them
    Payer = RouteLine = Any


with warnings.catch_warnings():
    # pydantic means ABCMeta.register, which no one calls on a model.
    warnings.filterwarnings("ignore", 'Field name "register"')

    class Route(Model):
        """Orders of `portal` whose fields equal all of `match` go to `fulfilment`; the first route that matches wins.

        `register` names the order system where they are registered before that, for `customer`, with `lines`. A KODE
        fulfilment places an `order` for `products`, each with `data`, and with `fields`, which are templates.
        """

        portal: Text = Field(description='Write portal = "NAME": one of the names under [portals.NAME].')
        match: Texts = Field(
            default_factory=dict,
            description='Write match = { service = "3105" }: fields and texts; empty takes every order.',
        )
        fulfilment: Text = Field(description='Write fulfilment = "NAME": one of the names under [fulfilments.NAME].')
        service: Annotated[Text, Field(max_length=255)] | None = Field(
            default=None,
            description='Write service = "FIBER-250-250": the network\'s name for it, at most 255 characters.',
        )
        access: Text | None = Field(
            default=None, description='Write access = "FIELD": the order\'s field that holds the access (ON-API only).'
        )
        order: Literal["cadastre", "share", "map"] | None = Field(
            default=None, description='Write order = "cadastre", "share" or "map": what KODE gets an order on.'
        )
        products: Names = Field(
            default=(), description='Write products = ["WI99990777"]: the codes of what is ordered at KODE, each once.'
        )
        data: Texts = Field(
            default_factory=dict, description='Write data = { system = "UTM" }: what each product is told besides.'
        )
        fields: dict[str, Template] = Field(default_factory=dict, description=_FIELDS)
        register: Text | None = Field(
            default=None, description='Write register = "NAME": one of the names under [order_systems.NAME].'
        )
        customer: Annotated[Payer | None, BeforeValidator(_customer)] = Field(default=None, description=_CUSTOMER)
        lines: Annotated[tuple[RouteLine, ...], BeforeValidator(_lines)] = Field(default=(), description=_LINES)

        @field_validator("fields", mode="before")
        @classmethod
        def _fields_are_known(cls, value: Any) -> Any:
            return check_keys(value, (*ORDER_FIELDS, *DELIVERY_FIELDS), "a field that KODE takes")
