"""What the operator has decided beforehand, as the core reads it: routes, terms, and what is only watched."""

from collections.abc import Callable
from datetime import timedelta

from syncer import config as conf
from syncer.orders import Order, Route, Rules, Terms, Watch, route_of
from syncer.wiring.remotes import longest


def rules_of(config: conf.Config) -> Rules:
    """What the operator has decided beforehand, as the core reads it."""
    terms = {name: _terms(fulfilment) for name, fulfilment in config.fulfilments.items()}
    routes = tuple(
        Route(
            portal=route.portal,
            fulfilment=route.fulfilment,
            match=dict(route.match),
            service=route.service or "",
            access=route.access or "",
            register=route.register or "",
        )
        for route in config.routes
    )
    patience = {name: timedelta(seconds=longest(remote)) for name, remote in config.remotes.items()}
    watched = {
        name: Watch(portal.poll_every, portal.follow_after_finished)
        for name, portal in config.portals.items()
        if portal.kind == "kode"
    }
    accounts = {name: one.portal for name, one in config.fulfilments.items() if one.kind == "kode"}
    gives = frozenset(name for name, portal in config.portals.items() if portal.kind == "vitec")
    return Rules(routes, terms, patience, watched, accounts, gives)


def registers(config: conf.Config) -> Callable[[Order], bool]:
    """Whether an order's route has it registered in an order system."""
    rules = rules_of(config)

    def does(order: Order) -> bool:
        route = route_of(order, rules)
        return route is not None and bool(route.register)

    return does


def _terms(fulfilment: conf.Fulfilment) -> Terms:
    if fulfilment.kind == "kode":
        return Terms(fulfilment.poll_every, fulfilment.deadline, followed=True, paced=True, proven=True)
    if fulfilment.kind == "on_api":
        return Terms(fulfilment.poll_every, fulfilment.deadline, followed=True)
    return Terms(deadline=fulfilment.deadline, followed=False)
