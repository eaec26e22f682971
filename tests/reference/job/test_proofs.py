import io

import numpy as np
import pytest
from rich.console import Console

from reference.functions.gelu import gelu_vjp
from reference.job import catalogue, proofs
from reference.layers.linear import Linear

WORDS = "proved to the rounding of the constants in gelu_vjp: functions.gelu"


class Off(Linear):
    """A linear layer whose bias's gradient is off by one part in 10^18."""

    def vjp(self, x):
        y, linear_pullback = super().vjp(x)

        def pullback(dy):
            d_self, dx = linear_pullback(dy)
            return self.cotangent(w=d_self.w, b=d_self.b + d_self.b * 1e-18), dx

        return y, pullback


def cast(x):
    return x.astype(np.float32).astype(np.float64), lambda dy: dy


@pytest.fixture
def shown(monkeypatch, rng):
    """shown(*subjects, **options): whether all are proved, and the text."""

    def shown(*subjects, width=100, names=(), accuracy=False):
        w, b, x = rng.normal(size=(3, 2)), rng.normal(size=2), rng.normal(size=(2, 3))
        made = [s(w=w, b=b) if isinstance(s, type) else s for s in subjects]
        modules = {gelu_vjp: "functions.gelu", cast: "functions.cast"}
        found = [catalogue.Example(modules.get(s, "layers.linear"), "an example", s, (x,), {}) for s in made]
        monkeypatch.setattr(catalogue, "examples", lambda *_: iter(found))
        console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
        return proofs.show_proofs(console, 0, names=names, accuracy=accuracy), console.file.getvalue()

    return shown


def cells(text, name="an example"):
    return next(line for line in text.splitlines() if line.strip().startswith(f"{name} ")).split()[len(name.split()) :]


def test_a_proof_is_told_with_its_digits_and_arrays(shown):
    passed, text = shown(Linear)
    assert passed and cells(text)[:1] == ["proved"] and int(cells(text)[1]) > 80
    assert cells(text)[2:5] == ["3", "of", "3"] and float(cells(text)[5]) >= 0
    assert "1 of 1 examples of 1 module proved on balls, 3 arrays" in text and "med64" not in text


def test_rounded_constants_are_told_once_with_their_function(shown):
    passed, text = shown(gelu_vjp, gelu_vjp)
    assert passed and cells(text)[0] == "constants" and text.count(WORDS) == 1


def test_a_difference_is_told_with_its_array(shown):
    passed, text = shown(Off)
    assert not passed and cells(text)[:4] == ["differs", "2", "of", "3"]
    assert "layers.linear, an example\nb: differs by 1.0e-18 of itself, which no float shows: at [" in text


def test_what_was_not_followed_is_told_with_the_call(shown):
    passed, text = shown(cast)
    assert not passed and cells(text)[:2] == ["not", "followed"]
    assert "\nx: not followed: a cast to float32, in cast: " in text and "0 of 1 examples" in text


def test_what_floats_lose_stands_beside_the_proof(shown):
    passed, text = shown(Linear, accuracy=True)
    *_, median, worst, top, median32, worst32, top32 = map(float, cells(text)[6:])
    assert passed and 0 <= median <= worst and 0 <= top <= worst and 0 <= median32 <= worst32 and top32 <= worst32
    assert "med64" in text and "units in the last place" in text


def test_of_modules_that_are_named_every_array_is_told(shown):
    _, text = shown(Linear, names=["layers.linear"], accuracy=True)
    for name in ("w", "b", "x"):
        assert len([float(cell) for cell in cells(text, name)]) == 6


@pytest.mark.parametrize("width", [80, 100])
def test_the_table_fits_the_width(shown, width):
    _, text = shown(Linear, gelu_vjp, width=width, accuracy=True)
    table = text.partition("\n\n")[0]
    assert max(map(len, table.splitlines())) <= width
