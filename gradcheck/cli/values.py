"""Arrays and values from the command line: `x=2,8,64`, `ids=2,8<50`, `mask=2,1,8,8:bool`, `width=64`."""

import ast
import dataclasses
import math
import re
from typing import TYPE_CHECKING, Any

from gradcheck.cli.errors import UsageError, short

if TYPE_CHECKING:
    import numpy as np

ARRAY = re.compile(r"(?P<shape>\(\)|[0-9]+(?:,[0-9]+)*),?(?:<(?P<high>[0-9]+))?(?::(?P<dtype>\w+))?")
WHOLE = {"int64": 2**63, "int32": 2**31, "int16": 2**15, "int8": 2**7, "uint8": 2**8}  # and what they lie below
DTYPES = ("float64", "float32", "float16", *WHOLE, "bool")
AXES = 30  # at most, as the checker has it
DIGITS = 18  # at most, of a length or a bound
SIGN = re.compile(r"\s*([,<:])\s*")  # with the spaces around it
NUMBER = re.compile(r"[+-]?[0-9_]+")


@dataclasses.dataclass(frozen=True)
class Array:
    """An array to draw: normal numbers, whole numbers below `high`, or truth values."""

    name: str
    shape: tuple[int, ...]
    high: int | None
    dtype: str

    @property
    def floating(self) -> bool:
        return self.dtype.startswith("float")

    @property
    def nbytes(self) -> int:
        """What it takes to draw it: eight bytes an entry, whatever its dtype."""
        return 8 * math.prod(self.shape)

    def draw(self, seed: int) -> "np.ndarray":
        """Return the array; what is drawn for a name does not depend on the other names."""
        import numpy as np

        rng = np.random.default_rng([seed, *self.name.encode()])
        if self.dtype == "bool":
            return rng.random(self.shape) < 0.5
        if self.high is not None:
            return rng.integers(self.high, size=self.shape).astype(self.dtype)
        return np.asarray(rng.standard_normal(self.shape)).astype(self.dtype)


def array(text: str) -> Array:
    """Read NAME=SHAPE, NAME=SHAPE<HIGH or NAME=SHAPE:DTYPE.

    Raises:
        UsageError: it is none of these, or no array can be like that.
    """
    name, value = _named("--input", text, "x=2,8,64")
    match = ARRAY.fullmatch(SIGN.sub(r"\1", value))
    if match is None:
        raise UsageError(f"--input {name} must be a shape such as 2,8,64 or 2,8<50 or 2,8:float32, got {short(value)}")
    lengths = [] if match["shape"] == "()" else match["shape"].split(",")
    if len(lengths) > AXES:
        raise UsageError(f"--input {name} must have at most {AXES} axes, got {len(lengths)}")
    if any(len(number) > DIGITS for number in (*lengths, match["high"] or "")):
        raise UsageError(f"--input {name} must be made of numbers of up to {DIGITS} digits, got {short(value)}")
    shape, high = tuple(map(int, lengths)), None if match["high"] is None else int(match["high"])
    dtype = match["dtype"] or ("float64" if high is None else "int64")
    if dtype not in DTYPES:
        raise UsageError(f"--input {name} must be one of {', '.join(DTYPES)}, got {short(dtype)}")
    if dtype in WHOLE and high is None:
        raise UsageError(f"--input {name} of whole numbers must have a bound, such as {value.partition(':')[0]}<50")
    if high is not None and (dtype not in WHOLE or high < 1):
        raise UsageError(f"--input {name} with a bound must be whole numbers below 1 or more, got {value!r}")
    if high is not None and high > WHOLE[dtype]:
        raise UsageError(f"--input {name} of {dtype} must have a bound of at most {WHOLE[dtype]}, got {high}")
    return Array(name, shape, high, dtype)


def parameter(text: str) -> tuple[str, Any]:
    """Read NAME=VALUE; a value that is no Python literal is a string.

    Raises:
        UsageError: there is no = after a name, or the value is a literal that Python cannot make.
    """
    name, value = _named("--param", text, "width=64")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        if NUMBER.fullmatch(value) and len(value) > DIGITS:
            raise UsageError(f"--param {name} must be a shorter number, got {short(value)}") from None
        return name, value
    except (TypeError, RecursionError, MemoryError) as error:
        why = "nested too deeply" if not isinstance(error, TypeError) else str(error)
        raise UsageError(f"--param {name} must be a value of Python's, got {short(value)}: {why}") from None


def _named(option: str, text: str, example: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip().isidentifier():
        raise UsageError(f"{option} must be a name and a value, such as {example}, got {short(text)}")
    return name.strip(), value.strip()
