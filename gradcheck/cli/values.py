"""Arrays and values from the command line: `x=2,8,64`, `ids=2,8<50`, `mask=2,1,8,8:bool`, `width=64`."""

import ast
import dataclasses
import re
from typing import TYPE_CHECKING, Any

from gradcheck.cli.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

ARRAY = re.compile(r"(?P<shape>\(\)|\d+(?:,\d+)*),?(?:<(?P<high>\d+))?(?::(?P<dtype>\w+))?")
DTYPES = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")


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

    def draw(self, seed: int) -> "np.ndarray":
        """Return the array; what is drawn for a name does not depend on the other names."""
        import numpy as np

        rng = np.random.default_rng([seed, *self.name.encode()])
        if self.dtype == "bool":
            return rng.random(self.shape) < 0.5
        if self.high is not None:
            return rng.integers(self.high, size=self.shape).astype(self.dtype)
        return rng.standard_normal(self.shape).astype(self.dtype)


def array(text: str) -> Array:
    """Read NAME=SHAPE, NAME=SHAPE<HIGH or NAME=SHAPE:DTYPE.

    Raises:
        UsageError: it is none of these.
    """
    name, value = _named("--input", text, "x=2,8,64")
    match = ARRAY.fullmatch(value.replace(" ", ""))
    if match is None:
        raise UsageError(f"--input {name} must be a shape such as 2,8,64 or 2,8<50 or 2,8:float32, got {value!r}")
    shape = () if match["shape"] == "()" else tuple(map(int, match["shape"].split(",")))
    high = None if match["high"] is None else int(match["high"])
    dtype = match["dtype"] or ("float64" if high is None else "int64")
    if dtype not in DTYPES:
        raise UsageError(f"--input {name} must be one of {', '.join(DTYPES)}, got {dtype}")
    if "int" in dtype and high is None:
        raise UsageError(f"--input {name} of whole numbers must have a bound, such as {value.partition(':')[0]}<50")
    if high is not None and ("int" not in dtype or high < 1):
        raise UsageError(f"--input {name} with a bound must be whole numbers below 1 or more, got {value!r}")
    return Array(name, shape, high, dtype)


def parameter(text: str) -> tuple[str, Any]:
    """Read NAME=VALUE; a value that is no Python literal is a string.

    Raises:
        UsageError: there is no = after a name.
    """
    name, value = _named("--param", text, "width=64")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def _named(option: str, text: str, example: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip().isidentifier():
        raise UsageError(f"{option} must be a name and a value, such as {example}, got {text!r}")
    return name.strip(), value.strip()
