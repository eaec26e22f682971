"""The table of the README: modules with a pullback, the digits to which a gradient is proved, and what of its page is.

python tests/tools/table.py            print the table
python tests/tools/table.py --write    put it into README.md, between its two markers
"""

import math
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- table:begin -->", "<!-- table:end -->"
HEAD = "| layer | derivation | digits | by differences alone | on balls | the page |\n|---|---|---|---|---|---|"
ROW = re.compile(r"\| (.+) \| \[(.+)\]\(specs/(.+)\.md\) \| (\d+) \| (\d+) \| (\d+) \| (proved|composed|in balls) \|")


Digits = tuple[float, float, float]  # of the check, by real differences alone, on balls


def measured() -> dict[str, Digits]:
    """Return the least digits over the examples of each module."""
    from reference.job import verify

    least: dict[str, tuple[float, float]] = {}
    balls: dict[str, float] = {}
    for proof in verify.proofs():
        if not proof.passed:
            raise ValueError(f"README.md: {proof.example.module} must be proved on balls, got {proof.word}")
        module = proof.example.module.replace(".", "/")
        balls[module] = min(balls.get(module, math.inf), math.inf if proof.digits is None else proof.digits)
    for verdict in verify.verdicts():
        module = verdict.example.module.replace(".", "/")
        digits, real = least.get(module, (math.inf, math.inf))
        if verdict.digits is not None:
            digits, real = min(digits, verdict.digits), min(real, verdict.real_digits)
        least[module] = digits, real
    return {module: (*found, balls[module]) for module, found in least.items()}


def render(digits: dict[str, Digits], root: Path = ROOT) -> str:
    rows = []
    for module, found in digits.items():
        title = (root / "specs" / f"{module}.md").read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        columns = " | ".join(str(math.floor(number)) for number in found)
        rows.append(f"| {title} | [{module}](specs/{module}.md) | {columns} | {word(module, root)} |")
    return "\n".join((HEAD, *rows))


def word(module: str, root: Path = ROOT) -> str:
    """Return what of a page is proved: all for all shapes and values, by other pages, or at random points in balls."""
    lines = (root / "specs/verdicts.txt").read_text(encoding="utf-8").splitlines()
    numbered = re.compile(rf"{module.rpartition('/')[2]}\.\d+: .*; (.*)")
    said = {match[1] for line in lines if (match := numbered.fullmatch(line))}
    if "in balls" in said:
        return "in balls"
    return "composed" if "composed" in said else "proved"


def parse(readme: str) -> dict[str, tuple[str, int, int, int]]:
    """Return the title of each module in the table of a README, and its digits.

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
            want = "README.md: a row must be '| Title | [room/name](specs/room/name.md) | 12 | 10 | 80 | proved |'"
            raise ValueError(f"{want}, got {line!r}")
        rows[row[2]] = row[1], int(row[4]), int(row[5]), int(row[6])
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
