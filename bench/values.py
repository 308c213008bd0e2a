"""The values that made columns take, and that made rules ask for."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_NAMES = (
    "Anna Maria Sofia Emma Lena Clara Julia Laura Marta Elena Ines Petra Eva Nina Alma Greta "
    "Paul Jan Luca Marco Felix Anton Karl Peter Hugo Oscar Leon David Simon Tomas Erik Bruno"
).split()
LAST_NAMES = (
    "Miller Smith Jones Brown Weber Wagner Becker Hoffmann Koch Richter Klein Wolf Rossi Russo Ferrari "
    "Romano Martin Bernard Dubois Laurent Moreau Garcia Lopez Martinez Sanchez Jansen Visser Novak Dvorak "
    "Kowalski Nowak Wojcik Silva Santos Costa Larsen Nielsen Hansen Berg Lindqvist"
).split()
COUNTRY_OF = {
    "Berlin": "DE", "London": "GB", "Paris": "FR", "Madrid": "ES", "Rome": "IT", "Hamburg": "DE", "Vienna": "AT",
    "Warsaw": "PL", "Munich": "DE", "Barcelona": "ES", "Milan": "IT", "Prague": "CZ", "Cologne": "DE", "Lyon": "FR",
    "Amsterdam": "NL", "Brussels": "BE", "Lisbon": "PT", "Zurich": "CH", "Geneva": "CH", "Stockholm": "SE",
    "Copenhagen": "DK", "Oslo": "NO", "Helsinki": "FI", "Dublin": "IE", "Manchester": "GB", "Leeds": "GB",
    "Bristol": "GB", "Marseille": "FR", "Naples": "IT", "Turin": "IT", "Valencia": "ES", "Porto": "PT",
    "Rotterdam": "NL", "Antwerp": "BE", "Krakow": "PL", "Brno": "CZ", "Graz": "AT", "Leipzig": "DE", "Dresden": "DE",
    "Bremen": "DE",
}  # fmt: skip
CITIES = list(COUNTRY_OF)
COUNTRIES = sorted(set(COUNTRY_OF.values()))
DOMAINS = "example.com example.org example.net mail.example post.example".split()
MARITAL = "single married divorced widowed".split()
OCCUPATIONS = (
    "teacher nurse engineer driver clerk cook farmer lawyer doctor student pensioner baker mason "
    "plumber painter analyst seller guard waiter officer"
).split()
EMPLOYMENTS = "employed self-employed retired none".split()
SEGMENTS = "mass plus affluent private young senior business".split()
STATUSES = "active dormant blocked closed".split()
CHANNELS = "branch web app phone broker partner".split()
LANGUAGES = "en de fr es it pl nl pt cs sv".split()
ROLES = "owner holder guarantor".split()
LINES = {"daily": "account card", "saving": "deposit bond fund", "credit": "loan mortgage", "cover": "life home motor"}
"""Line to its product types."""


@dataclass(frozen=True, slots=True)
class Product:
    """A product: its type, the line the type belongs to, and how risky it is (1 to 5)."""

    name: str
    type: str
    line: str
    risk_class: int


PRODUCTS = [
    Product(f"{type_}-{number}", type_, line, 1 + (3 * position + number) % 5)
    for line, types in LINES.items()
    for position, type_ in enumerate(types.split())
    for number in range(1, 5)
]
PRODUCT_TYPES = sorted({product.type for product in PRODUCTS})
