"""The configuration of the chain: agents' orders of one Vitec account, placed in KODE, and billed in one GKS4.

The portal of the other orders has routes here that are billed too. Its addresses are never called.
"""

VITEC_SECRET, GKS4_SECRET = "not-a-real-vitec-secret-7f", "not-a-real-gks4-secret-7f"
BILLED, BILLED_IN_VAIN, BILLED_AND_PLACED = "3107", "3108", "7701"  # the other portal's services
CUSTOMER, UNKNOWN_CUSTOMER = "K100421", "K100999"
OFFICE, NEW_OFFICE = "559999-0001", "559999-0018"
FORM = {"cadastre": "9999-12-34-0-0", "address": "Prøveveien 7, 9999 Infoland"}

CHAIN = """
[web]
listen = "127.0.0.1:0"
public_url = "https://syncer.example"

[portals.vitec]
kind = "vitec"
url = "http://127.0.0.1:9/vitec"
username = "partner"
passwords = { M40017 = { file = "vitec.secret" }, M40018 = { file = "vitec.secret" } }
services = [812]
since = 2020-01-01
timeout = "10s"
rate = 1000
max_answer = "1MB"

[order_systems.gks4]
kind = "gks4"
url = "http://127.0.0.1:9/gks4"
token_url = "http://127.0.0.1:9/gks4/connect/token"
client_id = "shop-bridge"
client_secret = { file = "gks4.secret" }
paths = { sales_orders = "/api/v1/salesorders" }
create_missing_customers = true
timeout = "10s"
rate = 1000
max_answer = "1MB"

[[routes]]
portal = "vitec"
match = { service = "812" }
fulfilment = "kode_orders"
order = "cadastre"
products = ["WI99990101"]
fields = { cadastre = "{cadastre}", address = "{address}" }
register = "gks4"
customer = { corporate_identity_number = "{office.corporateNumber}", name = "{office.legalCustomerName}" }
lines = [{ article = "A-100", description = "Kommunal information", quantity = 1, unit_price = "950.00" }]

[[routes]]
portal = "tg"
match = { service = "3107" }
fulfilment = "nordnet"
service = "FIBER-250-250"
register = "gks4"
customer = { number = "K100421", corporate_identity_number = "559999-0001", name = "Påhittade Mäklare AB" }
lines = [{ article = "A-100", description = "Bredband", quantity = 1, unit_price = "499.00" }]

[[routes]]
portal = "tg"
match = { service = "3108" }
fulfilment = "nordnet"
service = "FIBER-250-250"
register = "gks4"
customer = { number = "K100999", corporate_identity_number = "559999-0001", name = "Påhittade Mäklare AB" }
lines = [{ article = "A-100", description = "Bredband", quantity = 1, unit_price = "499.00" }]

[[routes]]
portal = "tg"
match = { service = "7701" }
fulfilment = "kode_orders"
order = "cadastre"
products = ["WI99990101"]
fields = { cadastre = "{cadastre}", address = "{address}" }
register = "gks4"
customer = { number = "K100421", corporate_identity_number = "559999-0001", name = "Påhittade Mäklare AB" }
lines = [{ article = "A-100", description = "Kommunal information", quantity = 1, unit_price = "950.00" }]
"""
