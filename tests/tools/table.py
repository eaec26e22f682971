"""The table of the README: modules with a pullback, their derivations, the digits to which a gradient is proved.

python tests/tools/table.py            print the table
python tests/tools/table.py --write    put it into README.md, between its two markers
"""

import math
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- table:begin -->", "<!-- table:end -->"
HEAD = "| layer | derivation | digits | by differences alone |\n|---|---|---|---|"
ROW = re.compile(r"\| (.+) \| \[(.+)\]\(specs/(.+)\.md\) \| (\d+) \| (\d+) \|")


def measured() -> dict[str, tuple[float, float]]:
    """Return the least digits over the examples of each module: of the check, and of real differences alone."""
    from reference.job import verify

    least: dict[str, tuple[float, float]] = {}
    for verdict in verify.verdicts():
        module = verdict.example.module.replace(".", "/")
        digits, real = least.get(module, (math.inf, math.inf))
        if verdict.digits is not None:
            digits, real = min(digits, verdict.digits), min(real, verdict.real_digits)
        least[module] = digits, real
    return least


def render(digits: dict[str, tuple[float, float]], root: Path = ROOT) -> str:
    rows = []
    for module, (least, real) in digits.items():
        title = (root / "specs" / f"{module}.md").read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        rows.append(f"| {title} | [{module}](specs/{module}.md) | {math.floor(least)} | {math.floor(real)} |")
    return "\n".join((HEAD, *rows))


def parse(readme: str) -> dict[str, tuple[str, int, int]]:
    """Return title, digits and real digits of each module in the table of a README.

    Raises:
        ValueError: the README has no table between its markers, or a line of it is no row.
    """
    match = re.search(rf"{BEGIN}\n(.*)\n{END}\n", readme, re.DOTALL)
    if not match or not match[1].startswith(HEAD):
        raise ValueError(f"README.md: the table must stand between {BEGIN} and {END}, got none")
    rows = {}
    for line in match[1].removeprefix(HEAD).strip().splitlines():
        row = ROW.fullmatch(line)
        if not row or row[2] != row[3]:
            raise ValueError(
                f"README.md: a row must be '| Title | [room/name](specs/room/name.md) | 12 | 10 |', got {line!r}"
            )
        rows[row[2]] = row[1], int(row[4]), int(row[5])
    return rows


def write(readme: str, table: str) -> str:
    before, _, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"README.md: the table must stand between {BEGIN} and {END}, got no such lines")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


if __name__ == "__main__":
    lines = render(measured())
    if sys.argv[1:] == ["--write"]:
        path = ROOT / "README.md"
        path.write_text(write(path.read_text(encoding="utf-8"), lines), encoding="utf-8")
    else:
        print(lines)
