"""File names as municipalities upload them, and as nobody should trust them.

Which file gets which name is not decided here.
"""

import random
from collections.abc import Callable
from itertools import cycle, islice

ORDINARY = (
    "scan_001.pdf",
    "Situasjonskart 12-34.pdf",
    "Ferdigattest (kopi).pdf",
    "gebyrer 2025.xlsx",
    "Målebrev_Åsveien_7.tiff",
    "plan.sos",
    "ledninger.zip",
    "kart.dxf",
)
_SEEDS = (
    "",
    ".",
    "..",
    "../../../../etc/passwd",
    "/etc/cron.d/owned",
    "..\\..\\windows\\system32\\drivers\\etc\\hosts",
    "C:\\Users\\Public\\x.pdf",
    "\\\\server\\share\\x.pdf",
    "%2e%2e%2f%2e%2e%2fx.pdf",
    "....//....//x.pdf",
    "a/../../b.pdf",
    "CON",
    "con.pdf",
    "NUL.txt",
    "LPT1.pdf",
    "COM1 .pdf",
    "aux.tar.gz",
    "x.pdf\x00.exe",
    "line\r\nSet-Cookie: a=b.pdf",
    "tab\there.pdf",
    "\x1b[31mred\x1b[0m.pdf",
    "\u202egpj.exe",
    "\u200bhidden.pdf",
    "e\u0301gal.pdf",
    "\u00e9gal.pdf",
    "\uff0e\uff0e\uff0fx.pdf",
    "\u2215etc\u2215passwd",
    "~/.ssh/authorized_keys",
    "~root",
    "-rf *",
    "--help.pdf",
    "$(reboot).pdf",
    "`id`.pdf",
    "a;b|c&d.pdf",
    "<script>alert(1)</script>.html",
    "'; DROP TABLE orders; --.pdf",
    'quote".pdf',
    "trailing dot.",
    "trailing space ",
    " leading.pdf",
    ".hidden",
    ".partial",
    "x.pdf:stream",
    "x.pdf::$DATA",
    "{0.__class__}.pdf",
    "%s%n%d.pdf",
    "\U0001f4c4.pdf",
    "no extension",
    "a" * 255 + ".pdf",
    "ø" * 200 + ".pdf",
    "long" * 2000,
    "a/" * 400 + "x.pdf",
    "\ud800lone.pdf",
)
_TWISTS: tuple[Callable[[str, random.Random], str], ...] = (
    lambda name, _: name,
    lambda name, _: name.upper(),
    lambda name, _: "../" + name,
    lambda name, _: name + "/",
    lambda name, _: "./" + name,
    lambda name, _: name.replace("/", "\\"),
    lambda name, _: name + "\x00",
    lambda name, chance: name + "." * chance.randint(1, 5),
    lambda name, chance: " " * chance.randint(1, 3) + name,
    lambda name, chance: "../" * chance.randint(1, 40) + name,
    lambda name, chance: name + chance.choice("\u202e\u0301\u2028\x7f\ufeff"),
    lambda name, chance: chance.choice(ORDINARY) + "/" + name,
)


def hostile_names(count: int, seed: int = 1) -> list[str]:
    """So many different names that would like to be somewhere else, or something else. The same for the same seed.

    One of them holds half a surrogate pair, which JSON can say and UTF-8 can't.
    """
    chance = random.Random(seed)
    names = dict.fromkeys(_SEEDS[:count])
    twists = cycle(_TWISTS)
    while len(names) < count:
        names[next(twists)(chance.choice(_SEEDS), chance)] = None
        if chance.random() < 0.2:
            names["".join(map(chr, chance.choices(range(1, 0x2FF), k=chance.randint(1, 60))))] = None
    return list(islice(names, count))
