"""Claims about GKS4 in the configuration, and what a route says for an order system."""

from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import pytest

from syncer.config import Gks4, Payer, RouteLine
from syncer.remotes.gks4 import LineNames, OrderNames, Paths, SearchNames, Settings
from tests.config.written import DESK, GKS4, GKS4_SECRET, REGISTER, TO_DESK, WHOLE, XSP, key_of, problems, read

PLAIN = XSP + DESK + GKS4 + TO_DESK + REGISTER
LINE = 'lines = [{ article = "A-100", description = "Kommunal information", quantity = 1, unit_price = "950.00" }]'
CUSTOMER = 'customer = { number = "K100421" }'


def gks4(file: Path, text: str) -> Gks4:
    return read(file, text).order_systems["gks4"]


def test_what_is_left_out_has_its_default(file: Path) -> None:
    made = gks4(file, PLAIN)
    assert (made.token_url, made.scope) == ("https://id.simutek.se/connect/token", None)
    assert (made.language, made.currency) == ("sv", "SEK")
    assert (made.create_missing_customers, made.resend_uncertain) == (False, False)
    assert read(file, PLAIN).warnings == ()


def test_the_names_are_the_client_s_with_the_same_defaults(file: Path) -> None:
    made, usual = gks4(file, PLAIN), Settings()
    assert Paths(**dict(made.paths)) == usual.paths
    assert SearchNames(**dict(made.search)) == usual.search
    assert OrderNames(**dict(made.order)) == usual.order
    assert LineNames(**dict(made.line)) == usual.line
    plain = [field.name for field in fields(Settings) if field.name not in {"paths", "search", "order", "line"}]
    assert {name: getattr(made, name) for name in plain} == {name: getattr(usual, name) for name in plain}


def test_names_can_be_set_right_in_tables_of_their_own(file: Path) -> None:
    more = (
        '[order_systems.gks4.line]\narticle = "artNo"\nunit_price = ""\n[order_systems.gks4.search]\nrows = ["hits"]\n'
    )
    made = gks4(file, XSP + DESK + GKS4 + more + TO_DESK + REGISTER)
    assert (made.line.article, made.line.unit_price, made.line.quantity) == ("artNo", "", "quantity")
    assert (made.search.rows, made.search.page) == (("hits",), "page")


def test_its_secret_is_withheld(file: Path) -> None:
    config = read(file, PLAIN)
    assert GKS4_SECRET in config.secrets()
    assert GKS4_SECRET not in f"{config!r} {config.model_dump()}"
    assert list(config.remotes) == ["acme", "desk", "gks4"]


def test_what_a_route_registers_is_exact(file: Path) -> None:
    lines = (
        'lines = [{ description = "För {name}", quantity = "1.5", unit_price = "-0.10" }, '
        '{ article = "A-1", description = "x", quantity = 2, more = { discountRate = "5.0", a = [1, { b = true }] } }]'
    )
    route = read(file, PLAIN.replace(LINE, lines)).routes[0]
    assert (route.register, route.customer) == ("gks4", Payer(number="K100421"))
    assert route.lines == (
        RouteLine(description="För {name}", quantity=Decimal("1.5"), unit_price=Decimal("-0.10")),
        RouteLine(
            article="A-1", description="x", quantity=Decimal(2), more={"discountRate": "5.0", "a": [1, {"b": True}]}
        ),
    )


def test_lines_can_be_tables_of_their_own(file: Path) -> None:
    tables = '[[routes.lines]]\ndescription = "a"\nquantity = 1\n[[routes.lines]]\ndescription = "b"\nquantity = 0\n'
    text = PLAIN.replace(LINE, tables)
    (problem,) = problems(file, text)
    line = text.splitlines().index("quantity = 0") + 1
    assert problem.place == f"syncer.toml:{line}: routes[1].lines[2].quantity"


def test_any_route_can_register(file: Path) -> None:
    assert read(file, PLAIN).routes[0].register == "gks4"
    assert read(file, WHOLE).warnings == ()


def line(text: str) -> str:
    return PLAIN.replace(LINE, f"lines = [{{ {text} }}]")


GOOD_LINE = 'description = "x", quantity = 1'
WRONG = [
    (GKS4.replace("client_id =", "client ="), "order_systems.gks4.client_id", "bridge"),
    (
        GKS4.replace('{ env = "GKS4_SECRET" }', '"hunter2"'),
        "order_systems.gks4.client_secret",
        "client_secret = { file",
    ),
    (GKS4.replace('"gks4"', '"gks3"'), "order_systems.gks4.kind", 'kind = "gks4"'),
    (GKS4.replace("order_systems.gks4", "order_systems.GKS4"), "order_systems.GKS4", "small letter"),
    (GKS4.replace("sales_orders", "customers"), "order_systems.gks4.paths.sales_orders", "/api/v1/salesorders"),
    (GKS4.replace("paths", "pahts"), "order_systems.gks4.paths", "/api/v1/salesorders"),
    (GKS4.replace('"/api', '"api'), "order_systems.gks4.paths.sales_orders", "/api/v1/salesorders"),
    (GKS4.replace('"/api', '"/../api'), "order_systems.gks4.paths.sales_orders", "/api/v1/salesorders"),
    (GKS4.replace('"/api', '"//evil.example/api'), "order_systems.gks4.paths.sales_orders", "/api/v1/salesorders"),
    (GKS4.replace("salesorders", "{number}"), "order_systems.gks4.paths.sales_orders", "/api/v1/salesorders"),
    (GKS4.replace("orders = ", 'orders = "/x", serch = '), "order_systems.gks4.paths.serch", "search"),
    (GKS4.replace("orders = ", 'orders = "/x", customer = '), "order_systems.gks4.paths.customer", "{number}"),
    (GKS4 + 'language = "da"', "order_systems.gks4.language", '"no"'),
    (GKS4 + 'currency = "kr"', "order_systems.gks4.currency", "SEK"),
    (GKS4 + "page_size = 101", "order_systems.gks4.page_size", "100"),
    (GKS4 + 'create_missing_customers = "no"', "order_systems.gks4.create_missing_customers", "true"),
    (GKS4 + 'search = { page = "" }', "order_systems.gks4.search.page", "OpenAPI"),
    (GKS4 + 'search = { rows = "items" }', "order_systems.gks4.search.rows", "list"),
    (GKS4 + 'order = { curency = "x" }', "order_systems.gks4.order.curency", "currency"),
    (GKS4 + "line = { article = 3 }", "order_systems.gks4.line.article", "OpenAPI"),
    (DESK + GKS4.replace("gks4]", "desk]"), "order_systems.desk", "another name"),
    # routes
    (PLAIN.replace('"gks4"\ncustomer', '"gks3"\ncustomer'), "routes[1].register", "gks4"),
    (PLAIN.replace(CUSTOMER, ""), "routes[1].customer", "corporate_identity_number"),
    (PLAIN.replace(LINE, ""), "routes[1].lines", "A-100"),
    (PLAIN.replace(LINE, "lines = []"), "routes[1].lines", "A-100"),
    (PLAIN.replace('register = "gks4"', ""), "routes[1].customer", "register ="),
    (PLAIN.replace('register = "gks4"', ""), "routes[1].lines", "register ="),
    (PLAIN.replace(CUSTOMER, "customer = {}"), "routes[1].customer.corporate_identity_number", "K100421"),
    (PLAIN.replace(CUSTOMER, 'customer = { name = "x" }'), "routes[1].customer.corporate_identity_number", "K100421"),
    (PLAIN.replace(CUSTOMER, 'customer = { numbr = "x" }'), "routes[1].customer.numbr", "number"),
    (PLAIN.replace(CUSTOMER, 'customer = { number = "{x" }'), "routes[1].customer.number", "{{"),
    (PLAIN.replace(CUSTOMER, 'customer = "K100421"'), "routes[1].customer", "{"),
    (PLAIN.replace(LINE, "lines = [1]"), "routes[1].lines[1]", "{"),
    (PLAIN.replace(LINE, 'lines = "x"'), "routes[1].lines", "A-100"),
    (line('article = "A-{service}", ' + GOOD_LINE), "routes[1].lines[1].article", "starts production"),
    (line('article = "", ' + GOOD_LINE), "routes[1].lines[1].article", "A-100"),
    (line('description = "x"'), "routes[1].lines[1].quantity", "quantity = 1"),
    (line("quantity = 1"), "routes[1].lines[1].description", "description ="),
    (line('description = "{x.y.z}", quantity = 1'), "routes[1].lines[1].description", "{SECTION.FIELD}"),
    (line('description = "x", quantity = 0'), "routes[1].lines[1].quantity", "more than nothing"),
    (line('description = "x", quantity = -1'), "routes[1].lines[1].quantity", "more than nothing"),
    (line('description = "x", quantity = 1.5'), "routes[1].lines[1].quantity", "in quotes"),
    (line('description = "x", quantity = true'), "routes[1].lines[1].quantity", "in quotes"),
    (line('description = "x", quantity = "1e3"'), "routes[1].lines[1].quantity", "in quotes"),
    (line(GOOD_LINE + ", unit_price = 950.0"), "routes[1].lines[1].unit_price", "in quotes"),
    (line(GOOD_LINE + ', unit_price = "950,00"'), "routes[1].lines[1].unit_price", "with a point"),
    (line(GOOD_LINE + ', unit_price = "0.005"'), "routes[1].lines[1].unit_price", "two decimals"),
    (line(GOOD_LINE + ', unit_price = "NaN"'), "routes[1].lines[1].unit_price", "two decimals"),
    (line(GOOD_LINE + ", more = { a = 1.5 }"), "routes[1].lines[1].more", "in quotes"),
    (line(GOOD_LINE + ", more = { a = 2026-11-01 }"), "routes[1].lines[1].more", "in quotes"),
    (line(GOOD_LINE + ", price = 1"), "routes[1].lines[1].price", "unit_price"),
    # what only KODE gets
    (PLAIN + 'order = "cadastre"', "routes[1].order", "Take it out"),
    (PLAIN + 'products = ["WI99990777"]', "routes[1].products", "Take it out"),
    (PLAIN + 'data = { system = "UTM" }', "routes[1].data", "Take it out"),
    (PLAIN + 'fields = { address = "{address}" }', "routes[1].fields", "Take it out"),
]


@pytest.mark.parametrize(("text", "place", "cure"), WRONG)
def test_what_is_wrong_is_refused_with_its_place_and_its_cure(file: Path, text: str, place: str, cure: str) -> None:
    found = {key_of(problem): problem for problem in problems(file, text)}
    assert place in found
    assert cure in found[place].cure
    assert "hunter2" not in "".join(map(str, found.values()))


def test_every_line_s_mistakes_are_told_at_once(file: Path) -> None:
    text = PLAIN.replace(LINE, 'lines = [{ quantity = 1 }, 3, { description = "x", quantity = 0, x = 1 }]')
    assert [key_of(problem) for problem in problems(file, text)] == [
        "routes[1].lines[1].description",
        "routes[1].lines[2]",
        "routes[1].lines[3].quantity",
        "routes[1].lines[3].x",
    ]


def test_an_order_system_without_a_route_is_odd(file: Path) -> None:
    assert "order_systems.gks4" in [key_of(warning) for warning in read(file, GKS4).warnings]


def test_a_customer_that_is_to_be_made_needs_a_name_and_a_corporate_identity_number(file: Path) -> None:
    text = PLAIN.replace("[[routes]]", "create_missing_customers = true\n[[routes]]")
    (warning,) = read(file, text).warnings
    assert key_of(warning) == "routes[1].customer"
    both = text.replace("{ number =", '{ corporate_identity_number = "{o}", name = "{n}", number =')
    assert read(file, both).warnings == ()
