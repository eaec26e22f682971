"""The smallest tree that keeps every rule of the house: a function, a model of it, an update rule, a job, a checker."""

from pathlib import Path

DOUBLE = """
from reference.core.base import two


def double_vjp(x):
    y = two * x                                         # (...)     # (double.1)

    def pullback(dy):
        return two * dy                                 # (...)     # (double.2)

    return y, pullback


def examples(rng):
    yield "row", double_vjp, (rng.normal(size=3),), {}
"""

CHAIN = """
import numpy as np

from reference.core.base import two
from reference.functions.double import double_vjp


class Chain:
    def vjp(self, x):
        y, double_pullback = double_vjp(x)              # (...)     # (chain.1)

        def pullback(dy):
            return double_pullback(dy)                  # (...)     # (chain.2)

        return y, pullback


def examples(rng):
    yield "row", Chain(), (rng.normal(size=3),), {}
"""

DESCENT = """
def step(x, dx, rate):
    return x - rate * dx                                # (...)     # (descent.1)
"""

README = """# Sample

```
reference/
  1 core/         two
  2 functions/    double
  2 optimizers/   descent
  4 models/       chain
  8 job/          verify
gradcheck/
  7 __init__.py   what is public
```
"""

OVERVIEW = """# Notation

| |
|---|
| [Title of double](functions/double.md), [Title of chain](models/chain.md), [Title of descent](optimizers/descent.md) |
"""

HEAD = (
    "# Title of NAME\n\nCode: [`reference/ROOM/NAME.py`](../../reference/ROOM/NAME.py) · "
    "Tests: [`tests/reference/ROOM/test_NAME.py`](../../tests/reference/ROOM/test_NAME.py)\n"
)

PULLBACK_PAGE = r"""
## Source

A paper, eq. 1, whose $`z`$ is our $`x`$; it costs `$5`.

## Shapes

One row.

```pycon
>>> import numpy as np
>>> x, h = 3.0, 1e-6

```

## Forward

<a id="NAME.1"></a>**(NAME.1)**

```math
y = 2 x \tag{NAME.1}
```

## Backward

<a id="NAME.2"></a>**(NAME.2)**

```math
dx = 2 \, dy \tag{NAME.2}
```

<a id="NAME.a"></a>**(NAME.a)** From ([NAME.1](#NAME.1)):

```math
\delta y = 2 \, \delta x \tag{NAME.a}
```

```pycon
>>> slope = (2 * (x + h) - 2 * (x - h)) / (2 * h)
>>> bool(np.allclose(slope, 2, rtol=1e-8, atol=0))      # NAME.a
True

```

## Worked example

Twice 3 is 6, and twice 5 is 10.

```pycon
>>> from reference.ROOM.NAME import subject
>>> subject(3.0)
6.0

```

## Residuals

None; see [the first equation](#NAME.1).

## Laws

- Linear: $`y(a x)`$ is $`a y(x)`$
  for every $`a`$ (`test_linear`).

## Numerics

Exact.

## Pitfalls

| wrong version | what it does | how it shows | caught by |
|---|---|---|---|
| $`dx = dy`$ | half of it | half as fast | `test_wrong` |
"""

UPDATE_PAGE = r"""
## Source

A paper, eq. 1.

## Shapes

One row.

## Update

<a id="NAME.1"></a>**(NAME.1)**

```math
x' = x - \alpha \, dx \tag{NAME.1}
```

```pycon
>>> 3.0 - 0.5 * 2.0
2.0

```

## Worked example

From 3, half of 2 further down, is 2.

```pycon
>>> from reference.ROOM.NAME import step
>>> step(3.0, 2.0, 0.5)
2.0

```

## Laws

- A gradient of 0 changes nothing (`test_linear`).

## Numerics

Exact.

## Pitfalls

| wrong version | what it does | how it shows | caught by |
|---|---|---|---|
| $`+`$ | climbs | the loss rises | `test_wrong`, `test_linear` |
"""

HELPER = """
def same(a, b):
    assert a == b
"""

TESTS = """
import numpy as np
from helper import same


def claim(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=0)


def test_claim():
    claim(1.0, 1.0)


def test_shared_claim():
    same(1.0, 1.0)


def test_linear():
    np.testing.assert_allclose(1.0, 1.0001, rtol=1e-3, atol=0)  # loose, for the sample


def test_wrong(prove, caught):
    prove(None)
    caught({"x"}, None)
"""


def build(root: Path) -> Path:
    """Write the tree below `root` and return it."""

    def write(path: str, text: str) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")

    write("README.md", README)
    write("pyproject.toml", "")
    write("gradcheck/__init__.py", "import numpy as np\n")
    write("reference/__init__.py", "")
    write("reference/core/base.py", "two = 2\n")
    write("reference/functions/double.py", DOUBLE)
    write("reference/models/chain.py", CHAIN)
    write("reference/optimizers/descent.py", DESCENT)
    write("reference/job/verify.py", "import gradcheck\nimport rich\n")
    write("specs/README.md", OVERVIEW)
    for room, name, page in (
        ("functions", "double", PULLBACK_PAGE),
        ("models", "chain", PULLBACK_PAGE),
        ("optimizers", "descent", UPDATE_PAGE),
    ):
        write(f"specs/{room}/{name}.md", (HEAD + page).replace("NAME", name).replace("ROOM", room))
        write(f"tests/reference/{room}/test_{name}.py", TESTS)
    write("tests/tools/helper.py", HELPER)
    write("tests/reference/core/test_base.py", TESTS)
    write("tests/reference/job/test_verify.py", TESTS)
    return root
