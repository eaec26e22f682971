"""The rule about the map in the README: every room on its floor, the lowest first."""

import re
from collections.abc import Iterator
from pathlib import Path

from house import columns, rooms
from house.tree import House, at

README = Path("README.md")
LINE = re.compile(r"  (\d) (\w+)(?:/|\.py)  +\S")
PLANS = {"reference": columns.SEES, "gradcheck": rooms.SEES}


def mapped(house: House) -> Iterator[str]:
    """The map in the README draws every room of reference/ and gradcheck/ on its floor, the lowest first."""
    drawn: dict[str, dict[str, tuple[int, int]]] = {package: {} for package in PLANS}
    package = ""
    for number, line in enumerate(house.read(README).splitlines(), 1):
        if line and not line.startswith(" "):
            package = line.split()[0].removesuffix("/")
        elif package in drawn and (match := LINE.match(line)):
            drawn[package][match[2]] = number, int(match[1])
    for package, sees in PLANS.items():
        names = {_room(path) for path in house.walk(package, suffix=".py")} & set(sees)
        for name in sorted(names - set(drawn[package])):
            yield at(README, 1, f"the map must draw {package}/{name}, got no such line")
        above = 1
        for name, (number, floor) in drawn[package].items():
            if name not in names:
                yield at(README, number, f"the map must draw rooms that there are, got {package}/{name}")
            elif floor != rooms.floor(name, sees):
                want = f"{package}/{name} must stand on floor {rooms.floor(name, sees)}, above all that it may import"
                yield at(README, number, f"{want}, got {floor}")
            elif floor < above:
                yield at(README, number, f"the map must draw the lowest floor first, got {floor} after {above}")
            above = max(above, floor)


def _room(path: Path) -> str:
    return Path(path.parts[1]).stem


RULES = [mapped]
