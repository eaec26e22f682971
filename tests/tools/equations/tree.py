"""What a displayed equation says, as a tree."""

from dataclasses import dataclass
from fractions import Fraction


class Refused(Exception):
    """Something on a page that is not understood: one line with the file, the line and the token."""


@dataclass(frozen=True)
class Number:
    """A rational number; infinity is None."""

    value: Fraction | None


@dataclass(frozen=True)
class Symbol:
    """A symbol with its indices; without any, the whole array, whose axes go by their names."""

    name: str
    indices: tuple = ()


@dataclass(frozen=True)
class Sum:
    """Terms that are added."""

    terms: tuple


@dataclass(frozen=True)
class Product:
    """Factors that are multiplied, entry by entry."""

    factors: tuple


@dataclass(frozen=True)
class Quotient:
    """A fraction, or a division with a stroke."""

    above: object
    below: object


@dataclass(frozen=True)
class Modulo:
    """The remainder of a division."""

    above: object
    below: object


@dataclass(frozen=True)
class Power:
    """A base and an exponent."""

    base: object
    exponent: object


@dataclass(frozen=True)
class Function:
    """A function of the analysis: exp, log, tanh ..., of one number; max of several."""

    name: str
    arguments: tuple


@dataclass(frozen=True)
class Over:
    """A sum or a maximum over index letters, on a condition or on none."""

    operation: str
    letters: tuple
    condition: object
    body: object


@dataclass(frozen=True)
class Mean:
    """The mean over the last axis, which is written with a line above."""

    body: object


@dataclass(frozen=True)
class Cases:
    """Values, each with its condition; that of the last is None, otherwise."""

    rows: tuple


@dataclass(frozen=True)
class Bracket:
    """1 where a condition holds, else 0."""

    condition: object


@dataclass(frozen=True)
class Relation:
    """A comparison of two expressions."""

    sign: str
    left: object
    right: object


@dataclass(frozen=True)
class Both:
    """Conditions that hold together."""

    conditions: tuple


@dataclass(frozen=True)
class Change:
    """The change of what stands within, to first order."""

    body: object


@dataclass(frozen=True)
class Call:
    """A layer or a function of another page: `star` for its pullback, `prime` for its derivative."""

    name: str
    mark: str
    arguments: tuple


@dataclass(frozen=True)
class Tuple:
    """Several things, in this order."""

    items: tuple


@dataclass(frozen=True)
class Clause:
    """One side after another, equal: what is on the left is made of each of the others."""

    sides: tuple
    replaces: bool


@dataclass(frozen=True)
class Equation:
    """A displayed equation: where it stands, and its clauses."""

    id: str
    path: str
    line: int
    clauses: tuple
