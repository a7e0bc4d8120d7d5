"""A map order's area: a GeoJSON polygon in metres of UTM zone 32 or 33 (kode.md, section 6.3).

It is only looked at here, never changed: metres can't be made out of degrees by guessing.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

# Norway in UTM 32 or 33, Svalbard and the sea too, in metres and with room to spare.
EAST = (-600_000.0, 1_600_000.0)
NORTH = (6_200_000.0, 9_200_000.0)
FEWEST = 4  # positions of a ring that is closed
MOST = 10_000  # positions


def wrong_with(geometry: Any) -> str | None:
    """What is wrong with an area, in a sentence that shows none of it; None where nothing is."""
    if not isinstance(geometry, Mapping) or geometry.get("type") != "Polygon":
        return "is no GeoJSON Polygon"
    rings = geometry.get("coordinates")
    if not _is_list(rings) or not rings or not all(_is_list(ring) for ring in rings):
        return "has no list of rings"
    if sum(len(ring) for ring in rings) > MOST:
        return f"has more than {MOST} positions"
    return next(filter(None, map(_wrong_ring, rings)), None)


def body_of(geometry: Mapping[str, Any]) -> dict[str, Any]:
    """An area that nothing is wrong with, as it is sent."""
    rings = [[list(position) for position in ring] for ring in geometry["coordinates"]]
    return {"type": "Polygon", "coordinates": rings}


def _wrong_ring(ring: Sequence[Any]) -> str | None:
    if not all(_is_position(position) for position in ring):
        return "has a position that is no two finite numbers"
    if len(ring) < FEWEST:
        return "has a ring of fewer than four positions"
    if list(ring[0]) != list(ring[-1]):
        return "has a ring that isn't closed"
    if any(_is_in_degrees(position) for position in ring):
        return "is in degrees, as WGS84 has them, where metres are wanted"
    if not all(_is_plausible(position) for position in ring):
        return "isn't in metres east and north of UTM zone 32 or 33 in Norway"
    return None


def _is_list(found: Any) -> bool:
    return isinstance(found, list | tuple)


def _is_position(found: Any) -> bool:
    return _is_list(found) and len(found) in {2, 3} and all(_numbers(found))


def _numbers(found: Sequence[Any]) -> Iterator[bool]:
    for part in found:
        yield isinstance(part, int | float) and not isinstance(part, bool) and abs(part) < 1e9 and isfinite(part)


def _is_in_degrees(position: Sequence[float]) -> bool:
    return abs(position[0]) <= 180 and abs(position[1]) <= 180


def _is_plausible(position: Sequence[float]) -> bool:
    return EAST[0] <= position[0] <= EAST[1] and NORTH[0] <= position[1] <= NORTH[1]
