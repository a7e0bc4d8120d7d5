"""GKS4's part of the wiring: order systems, and what the routes say of billing."""

from collections.abc import Callable
from decimal import Decimal

from syncer import config as conf
from syncer.order_systems import Billing, BillingLine, Gks4OrderSystem, Payer
from syncer.orders import Order, route_of
from syncer.remotes.gks4 import Gks4, LineNames, OrderNames, Paths, SearchNames, Settings
from syncer.wiring.remotes import Remotes, limits
from syncer.wiring.rules import rules_of


def add_gks4(made: Remotes, name: str, system: "conf.Gks4", config: conf.Config, *, read_only: bool) -> None:
    """Adds an order system."""
    client = Gks4(
        made.http(name, limits(system), read_only=read_only),
        system.url,
        system.token_url,
        system.client_id,
        system.client_secret.get_secret_value(),
        scope=system.scope,
        settings=_settings(system),
    )
    adapter = Gks4OrderSystem(
        name,
        client,
        _billing(config),
        language=system.language,
        currency=system.currency,
        create_missing=system.create_missing_customers,
        resend_uncertain=system.resend_uncertain,
    )
    made.sinks[name], made.checks[name] = adapter, adapter.check


def _settings(system: "conf.Gks4") -> Settings:
    return Settings(
        paths=Paths(**dict(system.paths)),
        search=SearchNames(**dict(system.search)),
        order=OrderNames(**dict(system.order)),
        line=LineNames(**dict(system.line)),
        page_size=system.page_size,
        most_pages=system.most_pages,
        amounts_as_text=system.amounts_as_text,
        created_names=system.created_names,
        created_envelopes=system.created_envelopes,
    )


def _billing(config: conf.Config) -> Callable[[Order], Billing | None]:
    """What the route of an order says of who pays, and for what."""
    rules = rules_of(config)
    bills = [_bill(route) for route in config.routes]

    def billing(order: Order) -> Billing | None:
        route = route_of(order, rules)
        return None if route is None else bills[rules.routes.index(route)]

    return billing


def _bill(route: conf.Route) -> Billing | None:
    if route.customer is None:
        return None
    payer = Payer(**{name: text or "" for name, text in dict(route.customer).items()})
    lines = tuple(
        BillingLine(
            line.description,
            Decimal(str(line.quantity)),
            None if line.unit_price is None else Decimal(str(line.unit_price)),
            line.article,
            dict(line.more),
        )
        for line in route.lines
    )
    return Billing(payer, lines)
