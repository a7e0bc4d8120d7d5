"""Where a pass stands that does not end: what each of its threads is at.

Places in our own code only, never a value: what is worked on may be about people.
"""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import syncer

OURS = ("passes", "read ", "order")  # what the threads of a pass are called
MOST, DEEP = 16, 3
ROOT = str(Path(syncer.__file__).parent)


def whereabouts() -> list[str]:
    """For each thread of a pass that is at something: its name, and where it is, innermost first."""
    frames = sys._current_frames()  # noqa: SLF001 - there is no other way to see another thread
    found = []
    for thread in threading.enumerate():
        places = list(_places(frames.get(thread.ident or 0))) if thread.name.startswith(OURS) else []
        if places:
            found.append(f"{thread.name}: {' < '.join(places[:DEEP])}")
    return found[:MOST]


def _places(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        if frame.f_code.co_filename.startswith(ROOT):
            yield f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
        frame = frame.f_back
