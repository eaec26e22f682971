"""An object in its second step: what it kept in the first must not be used there."""

import numpy as np
import pytest
from promises import found

from gradcheck.adapters import cached, module, pair
from gradcheck.contract.steps import steps_alike

X = np.random.default_rng(4).normal(size=(3, 4))


class Cube:
    """Keeps its input, in the first step alone or in each."""

    def __init__(self, kept="each"):
        self.kept, self.x, self.calls = kept, None, 0

    def forward(self, x):
        self.calls += 1
        if self.x is None or self.kept == "each":
            self.x = x
        if self.kept == "one" and self.calls > 1:
            raise RuntimeError("one step is all")
        return x * x * x + (self.calls if self.kept == "counts" else 0)

    def backward(self, *given):
        *_, dy = given
        return 3 * self.x * self.x * dy

    def out_and_cache(self, x):
        return self.forward(x), None

    def from_cache(self, dy, cache):
        return self.backward(dy)

    def __call__(self, x):
        return self.forward(x), self.backward


WAYS = {
    "module": module,
    "pair": lambda c: pair(c.forward, c.backward),
    "cached": lambda c: cached(c.out_and_cache, c.from_cache),
    "called": lambda c: c,
}
every_way = pytest.mark.parametrize("way", WAYS)
MESSAGE = "in its second step an object gives another cotangent of x than in its first"


@every_way
def test_what_is_kept_in_the_first_step_alone_is_told(way):
    assert found(steps_alike, WAYS[way](Cube("first")), X) == {("kept", "x"): MESSAGE}


@every_way
@pytest.mark.parametrize("kept", ["each", "one", "counts"])
def test_what_is_kept_anew_is_not_nor_what_has_one_step_only_or_hands_a_state_on(way, kept):
    assert found(steps_alike, WAYS[way](Cube(kept)), X) == {}


@every_way
def test_the_object_itself_takes_no_step(way):
    cube = Cube("first")
    found(steps_alike, WAYS[way](cube), X)
    assert cube.x is None and cube.calls == 0


def test_a_cotangent_of_the_first_step_is_none_of_the_second():
    class Keeps(Cube):
        def backward(self, dy):
            self.dy = vars(self).get("dy", dy)
            return super().backward(self.dy)

    assert found(steps_alike, module(Keeps()), X) == {("kept", "x"): MESSAGE}


class Gain:
    """Makes a gradient of its parameter in the first step alone, which adds up where that is declared."""

    def __init__(self, bug):
        self.w, self.bug, self.dw = X[0].copy(), bug, None

    def zero_grad(self):
        self.dw = self.dw if self.bug else None

    def forward(self, x):
        self.x = x
        return self.w * x

    def backward(self, dy):
        if self.dw is None:
            self.dw = (self.x * dy).sum(0)
        return self.w * dy


@pytest.mark.parametrize("bug", [False, True])
def test_of_a_parameter_the_gradient_of_the_first_step_is_none_of_the_second(bug):
    assert set(found(steps_alike, module(Gain(bug)), X)) == ({("kept", "w")} if bug else set())


def test_functions_have_no_steps():
    assert found(steps_alike, pair(np.sin, lambda x, dy: dy), X) == {}
