"""A folder with layers of all kinds, and the command run in it."""

import sys

import pytest

from gradcheck.cli.main import main

LAYERS = '''
import random

import numpy as np

from gradcheck.adapters import pair


class Scale:
    """y = gain * x; made by init."""

    def __init__(self, gain, wrong=False):
        self.gain, self.wrong = gain, wrong

    @classmethod
    def init(cls, rng, width, dtype=np.float32, wrong=False):
        return cls(rng.standard_normal(width).astype(dtype), wrong)

    def vjp(self, x, *, shift=0.0):
        def pullback(dy):
            dgain = (dy * x).sum(tuple(range(x.ndim - 1)))
            return Scale(dgain), self.gain * dy * (2 if self.wrong else 1)

        return self.gain * x + shift, pullback


class Old:
    """Parameters from the global generators, as in many a course."""

    def __init__(self, width):
        self.w = np.random.randn(width) + random.random()

    def vjp(self, x):
        return self.w * x, lambda dy: ({"w": (dy * x).sum(0)}, 2 * self.w * dy)


class Table:
    """No init; ids and rng are constants."""

    def __init__(self, table):
        self.table = table

    def vjp(self, *, ids, rng):
        kept = rng.random(ids.shape)[..., None]

        def pullback(dy):
            dtable = np.zeros_like(self.table)
            np.add.at(dtable, ids, kept * dy)
            return (Table(dtable),)

        return kept * self.table[ids], pullback


class Course:
    """The forward and backward of a course assignment."""

    def forward(self, x):
        self.x = x
        return np.sin(x)

    def backward(self, dy):
        return np.cos(self.x) * dy


def product(a, b):
    return a * b, lambda dy: (dy * b, dy * a)


def powers(x, power=2, *, factor=1.0):
    return factor * x**power, lambda dy: factor * power * x ** (power - 1) * dy


def wrong(x):
    return np.sin(x), lambda dy: dy * np.cos(x) * 2


def noisy(x):
    return np.sin(x) + own.normal(), lambda dy: np.cos(x) * dy


def masked(x, *, mask):
    return np.where(mask, np.sin(x), 0), lambda dy: np.where(mask, np.cos(x), 0) * dy


def total(*parts, **weights):
    w = weights.get("w", 1)
    return w * sum(parts), lambda dy: tuple(w * dy for _ in parts)


def make(width=3):
    return Scale(np.arange(1.0, width + 1))


def make_wide(rng, width):
    return Scale(rng.standard_normal(width))


def make_function():
    return product


def sine(x):
    return np.sin(x)


def make_pair():
    return pair(sine, lambda x, dy: np.cos(x) * dy)


nameless = pair(lambda x: x * x, lambda x, dy: 2 * x * dy)


def constant():
    return np.ones(3), lambda dy: None


def broken_factory():
    raise RuntimeError("no parameters here")


def breaks(x):
    raise RuntimeError("no forward here")


def breaks_backward(x):
    def pullback(dy):
        raise KeyError("dy")

    return np.sin(x), pullback


def leaves(x):
    raise SystemExit(7)


def talks(x):
    print("a word")
    return np.sin(x), lambda dy: np.cos(x) * dy


def not_finite(x):
    return np.log(-np.abs(x)), lambda dy: dy


own = np.random.default_rng(5)
instance = Scale(np.array([1.0, 2.0, 3.0]))
number = 3
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with `layers.py`, the current one."""
    (tmp_path / "layers.py").write_text(LAYERS, encoding="utf-8")
    (tmp_path / "unfinished.py").write_text("import numpy\n\nraise ValueError('half a module')\n", encoding="utf-8")
    (tmp_path / "needy.py").write_text("import no_such_package\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    yield tmp_path
    for name in ("layers", "unfinished", "needy"):
        sys.modules.pop(name, None)


@pytest.fixture
def run(folder, capsys):
    """run(*words) -> (status, stdout, stderr) of the command."""

    def run(*words):
        status = main(list(words))
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run
