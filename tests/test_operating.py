"""Claims about docs/operating.md: what it has people type can be typed, and what it says they see can be seen."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncer.cli.arguments import parse

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
PROGRAM = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "syncer").rglob("*.py")))
OTHERS = {"watchdog timeout", "journalctl -u syncer", "row-…", "waiting"}  # systemd's words, and the portal's
COVERED = (
    "remote is down", "wrong credentials", "too many calls", "uncertain", "no route", "refused", "overdue",
    "unreadable", "disk is full", "damaged", "locked", "exit code 75", "exit code 78", "watchdog", "clock", "restore",
    "another machine", "erase a person", "upgrade", "add a portal", "rotate a secret",
    "file can't be kept", "may or may not have", "refuses our credentials", "push was missed", "disk for files",
    "changed or deleted", "write to ambita", "reverse proxy", "link opens nothing", "refuses an office",
    "note on a home", "sales order", "isn't registered", "refuses our secret", "agents' pages",
)  # fmt: skip


def typed() -> Iterator[str]:
    """What follows `syncer` in the blocks and in the text, without what a shell takes for itself."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`(syncer [^`\n]+)`", TEXT)
    for line in [*(line for block in blocks for line in block.splitlines()), *inline]:
        if line.startswith("syncer "):
            yield line.removeprefix("syncer ").partition(" > ")[0]


@pytest.mark.parametrize("command", sorted(set(typed())))
def test_each_command_is_one_that_the_program_understands(command: str) -> None:
    words = shlex.split(command)
    needs_order = {"retry", "deliver", "cancel"} & {words[0]} and len(words) == 1
    needs_file = words in (["backup"], ["restore"], ["show"])
    arguments = parse([*words, "1"] if needs_order or needs_file else words)
    assert arguments is not None
    assert callable(arguments.run)


def seen() -> list[str]:
    """What is quoted in the paragraphs that say what is seen."""
    paragraphs = re.findall(r"\*\*You see:\*\*(.*?)\n\n", TEXT, re.DOTALL)
    quoted = (text for paragraph in paragraphs for text in re.findall(r"`([^`]+)`", paragraph.replace("\n", " ")))
    return [text for text in quoted if not text.startswith("syncer ") and text not in OTHERS]


def test_what_is_said_to_be_seen_is_what_the_program_says() -> None:
    assert len(seen()) > 25
    missing = [text for text in seen() if text not in PROGRAM and not _made_up_of(text)]
    assert missing == []


def _made_up_of(text: str) -> bool:
    """An event that is named after what was observed; an HTTP status; a sentence that the source breaks in two."""
    if text.startswith("order."):
        return "".join(part.title() for part in text.partition(".")[2].split("_")) in PROGRAM
    joined = re.sub(r'"\s*\n\s*f?"', "", PROGRAM)
    return text in joined or re.fullmatch(r"HTTP \d+", text) is not None or text == "intent.uncertain"


def test_every_trouble_that_was_asked_for_has_a_page() -> None:
    titles = " ".join(re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)).lower()
    assert [what for what in COVERED if what not in titles] == []


def test_each_link_within_leads_to_a_title() -> None:
    documents = {"": TEXT, "../README.md": (ROOT / "README.md").read_text(encoding="utf-8")}
    for document, anchor in re.findall(r"\]\(([^)#]*)#([^)]+)\)", TEXT):
        titles = re.findall(r"^#+ (.*)$", documents[document], re.MULTILINE)
        anchors = {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}
        assert anchor in anchors, anchor
