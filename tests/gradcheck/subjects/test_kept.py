"""The user's objects are after a check what they were before, whatever a forward pass changes in them."""

import copy
import enum
import functools
import types
from typing import ClassVar

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import cached, module, pair
from gradcheck.subjects.kept import MOST, kept

X = np.random.default_rng(1).normal(size=(5, 3))
LEVEL, RATE, NOISE = np.zeros(3), 0.5, np.random.default_rng(4)


class Centre:
    """Subtracts a mean; keeps a running one in ways that people have."""

    def __init__(self):
        self.mean, self.first, self.calls, self.seen = np.zeros(3), None, 0.0, []
        self.inner = types.SimpleNamespace(means=[np.zeros(3)], by_name={"mean": np.ones(3)})
        self.rng = np.random.default_rng(2)

    def update(self, x):
        self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
        self.inner.means[0] = self.mean
        self.inner.by_name["mean"] = self.mean * 2
        self.calls += 1.0
        self.rng.normal()

    def forward(self, x):
        self.update(x)
        return x - x.mean(0)

    def backward(self, x, dy):
        return dy - dy.mean(0)

    def with_cache(self, x):
        return self.forward(x), x

    def of_cache(self, dy, x):
        return self.backward(x, dy)

    def function(self, x):
        return self.forward(x), lambda dy: self.backward(x, dy)


class Stateful(Centre):
    def backward(self, dy):
        return dy - dy.mean(0)


class Called(Centre):
    def __call__(self, x):
        return self.function(x)


class Layer(Centre):
    def vjp(self, x):
        d = {"mean": np.zeros(3), "inner": {"means": [np.zeros(3)], "by_name": {"mean": np.zeros(3)}}}
        return self.forward(x), lambda dy: (d, self.backward(x, dy))


def state(obj):
    inner = vars(obj.inner)
    return copy.deepcopy(
        {**vars(obj), "inner": (inner["means"][0], inner["by_name"]["mean"]), "rng": obj.rng.bit_generator.state}
    )


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a if key != "rng") and (
        a["rng"] == b["rng"]
    )


HANDED = {
    "pair of methods": lambda obj: pair(obj.forward, obj.backward),
    "cached methods": lambda obj: cached(obj.with_cache, obj.of_cache),
    "method": lambda obj: obj.function,
    "partial": lambda obj: functools.partial(obj.function),
    "lambda": lambda obj: lambda x: obj.function(x),
    "default": lambda obj: lambda x, obj=obj: obj.function(x),
    "pair of lambdas": lambda obj: pair(lambda x: obj.forward(x), lambda x, dy: obj.backward(x, dy)),
}


@pytest.mark.parametrize("kind", HANDED)
def test_an_object_is_what_it_was(kind):
    obj = Centre()
    obj.first = obj.mean
    before = state(obj)
    assert gradcheck.check(HANDED[kind](obj), X).verdict == "pass"
    assert same(state(obj), before) and obj.mean.dtype == np.float64
    assert obj.first is obj.mean


class Bare:
    """A layer without arrays, with one inside, that both keep residuals."""

    def __init__(self, factor=1.0):
        self.inner, self.factor, self.last, self.calls = types.SimpleNamespace(rate=2.0), factor, None, 0

    def vjp(self, x):
        self.x = self.last = self.inner.x = x
        self.calls += 1
        self.inner.rate = self.inner.rate * 1.5
        y = self.inner.rate * x * x
        return y, lambda dy: (self.factor * 3.0 * 2 * x * dy,)

    def __call__(self, x):
        return self.vjp(x)[0]


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (1.001, "fail")])
def test_a_layer_without_arrays_is_what_it_was(factor, verdict):
    bare = Bare(factor)
    assert gradcheck.check(bare, X).verdict == verdict
    assert vars(bare).keys() == {"inner", "factor", "last", "calls"}
    assert (bare.last, bare.calls, vars(bare.inner)) == (None, 0, {"rate": 2.0})


def test_attributes_of_parts_are_what_they_were():
    class Chain:
        def __init__(self):
            self.gain, self.relu = np.ones(3), Bare()

        def vjp(self, x):
            self.relu.seen = x
            self.relu.last = x
            return self.gain * x, lambda dy: ({"gain": (x * dy).sum(0)}, self.gain * dy)

    chain = Chain()
    assert gradcheck.check(chain, X).verdict == "pass"
    assert chain.relu.last is None and not hasattr(chain.relu, "seen")


@pytest.mark.parametrize("kind", [Called, Layer, Stateful])
def test_so_is_one_that_is_called_or_has_passes_of_its_own(kind):
    obj = kind()
    before = state(obj)
    assert gradcheck.check(module(obj) if kind is Stateful else obj, X).verdict == "pass"
    assert same(state(obj), before)


def test_an_array_that_is_written_to_is_refilled():
    level = np.zeros(3)

    def forward(x):
        level[...] = x.real.mean(0)
        return x * x

    gradcheck.check(pair(forward, lambda x, dy: 2 * x * dy), X)
    assert not level.any()


def test_a_closure_and_a_global_variable_are_what_they_were():
    mean, count, seen = np.zeros(3), 0, []

    def forward(x):
        nonlocal mean, count
        global LEVEL, RATE
        mean, count = 0.9 * mean + 0.1 * x.mean(0), count + 1
        LEVEL, RATE = LEVEL + x.mean(0), RATE * 0.999
        NOISE.normal()
        seen.append(x.dtype)
        return x * x

    before = mean, LEVEL, RATE, NOISE.bit_generator.state
    gradcheck.check(pair(forward, lambda x, dy: 2 * x * dy), X)
    assert mean is before[0] and LEVEL is before[1] and (RATE, NOISE.bit_generator.state) == before[2:]
    assert count == len(seen) > 5, "what counts or collects is the user's"


def test_an_error_leaves_things_as_they_were_too():
    obj = Centre()
    before = state(obj)

    def breaks(x):
        obj.update(x)
        raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        gradcheck.check(breaks, X)
    assert same(state(obj), before)


def test_every_evaluation_of_a_method_starts_from_the_state_it_was_given_in():
    class Warming(Centre):
        """Its output depends on what earlier calls left."""

        def forward(self, x):
            self.update(x)
            return x * (1 + self.calls) + self.rng.normal(size=3)

        def backward(self, x, dy):
            return dy * (1 + self.calls)

    for subject in (pair(Warming().forward, Warming().backward), Warming().function):
        assert gradcheck.check(subject, X).verdict != "inconclusive"
    warming = Warming()
    report = gradcheck.check(pair(warming.forward, warming.backward), X)
    assert report.verdict == "pass", str(report)


def test_residuals_of_a_later_call_are_still_found():
    class Stale(Centre):
        def forward(self, x):
            self.x = x
            return x * x

        def backward(self, x, dy):
            return 2 * self.x * dy

    stale = Stale()
    report = gradcheck.check(pair(stale.forward, stale.backward), X)
    assert "stale" in {f.kind for f in report.findings}


def test_an_object_that_cannot_be_copied_is_used_itself_and_put_back():
    class Open(Centre):
        def __deepcopy__(self, memo):
            raise OSError("a file is open")

        def __init__(self):
            super().__init__()
            self.lines = (line for line in "ab")  # a generator cannot be copied

    obj = Open()
    before = {key: value for key, value in state(Centre()).items() if key != "lines"}
    assert gradcheck.check(pair(obj.forward, obj.backward), X).verdict == "pass"
    del obj.lines
    assert same(state_of(obj), before)


def state_of(obj):
    twin = Centre()
    vars(twin).update(vars(obj))
    return state(twin)


def test_what_vanished_or_shrank_meanwhile_is_no_error():
    holder = types.SimpleNamespace(items=[1.0, 2.0], d={"a": 1.0})

    def function():
        return holder

    with kept(function):
        holder.items.pop()
        holder.d.clear()
        del holder.items
    assert holder.d == {"a": 1.0}


def test_an_old_random_state_is_wound_back():
    old = np.random.RandomState(3)
    with kept(lambda: old):
        drawn = old.normal()
    assert old.normal() == drawn


def test_an_empty_cell_and_a_class_hold_nothing():
    def outer():
        def inner():
            return late, Centre

        with kept(inner):
            pass
        late = 3.0
        return late

    assert outer() == 3.0


def test_what_methods_partials_and_functions_hold_is_put_back():
    class Holder:
        def __init__(self):
            self.x = np.zeros(2)

        def forward(self, *args, **kwargs):
            return self.x

    for made in (
        lambda holder: holder.forward,
        lambda holder: functools.partial(holder.forward, 1),
        lambda holder: functools.partial(len, holder),
        lambda holder: functools.partial(len, key=holder),
        lambda holder: [{"a": (holder,)}],
    ):
        holder = Holder()
        with kept(made(holder)):
            holder.x += 1
            holder.new = 3
        assert not holder.x.any() and not hasattr(holder, "new")


def test_what_holds_itself_is_looked_at_once():
    class Ring:
        pass

    ring = Ring()
    ring.me, ring.x = [ring], np.zeros(2)
    with kept(ring):
        ring.x[...] = 1
        ring.me = None
    assert ring.me[0] is ring and not ring.x.any()


def test_a_namespace_collects_and_an_object_does_not():
    bag, count = types.SimpleNamespace(), 0.5

    class User:
        pass

    user = User()
    subject = lambda: (bag, user, count)  # noqa: E731
    with kept(subject):
        bag.seen = user.seen = [1]
    assert bag.seen == [1] and not hasattr(user, "seen")


def test_a_whole_number_that_counts_is_left_and_what_else_was_replaced_comes_back():
    class Counting:
        def __init__(self):
            self.calls, self.name, self.level, self.on = 0, "a", 0.5, True

    counting = Counting()
    with kept(counting):
        counting.calls, counting.name, counting.level = 3, "b", 1.5
        del counting.on
    assert (counting.calls, counting.name, counting.level) == (3, "a", 0.5)


@pytest.mark.parametrize(("entries", "back"), [(MOST // 8, True), (MOST // 8 + 1, False)])
def test_entries_of_an_array_are_put_back_up_to_a_size(entries, back):
    x = np.zeros(entries)
    with kept({"x": x}):
        x[-1] = 1.0
    assert MOST == 2**26 and (x[-1] == 0) is np.bool(back)


def holding(x):
    return lambda: x


OURS, OTHERS = holding(np.zeros(2)), holding(np.zeros(2))
OTHERS.__module__ = "elsewhere"


def naming_both():
    return OURS(), OTHERS()


def test_what_functions_of_other_modules_hold_is_left_to_these():
    with kept(naming_both):
        for x in naming_both():
            x[...] = 1.0
    ours, others = naming_both()
    assert not ours.any() and others.all()


class Compiled:
    """Calls what it has compiled, at the first call, as compilers of kernels do; and the other way round, a layer."""

    def __init__(self):
        self.compiled, self.made = {}, False

    def __call__(self, x):
        if not self.compiled:
            self.compiler, self.build, self.compiled[x.dtype] = Centre, copy.copy, "code"
        assert self.build(self.compiler) is Centre
        if not self.made:
            self.w, self.made = np.ones(x.shape[-1]), True
        return self.w * x, lambda dy: dy


COMPILED = Compiled()


def test_what_a_compiler_keeps_stays_and_what_is_made_at_the_first_call_goes_together_with_its_flag():
    for _ in range(2):
        gradcheck.assert_gradients(lambda x: COMPILED(x), X)
        assert COMPILED.compiled and COMPILED.compiler is Centre and COMPILED.build is copy.copy
        assert not COMPILED.made and not hasattr(COMPILED, "w")


class Shared:
    """Has its state where all of its kind have it, and in slots."""

    __slots__ = ("mean", "steps")
    total, count = np.zeros(3), 0.0

    def __init__(self):
        self.mean, self.steps = np.zeros(3), 0.0

    def forward(self, x):
        self.mean += x.mean(0)
        self.steps += 0.5
        Shared.total += x.mean(0)
        Shared.count += 0.5
        return np.sin(x)

    def backward(self, x, dy):
        return dy * np.cos(x)


class Heir(Shared):
    pass


def counted(layer, x):
    counted.calls += 0.5
    return layer.forward(x)


counted.calls = 0.0


@pytest.mark.parametrize("kind", [Shared, Heir])
def test_what_a_class_a_function_and_slots_hold_is_put_back(kind):
    layer = kind()
    before = counted.calls = 1.5
    gradcheck.assert_gradients(pair(lambda x: counted(layer, x), layer.backward), X)
    assert not layer.mean.any() and layer.steps == 0.0
    assert not Shared.total.any() and Shared.count == 0.0 and counted.calls == before
    assert "total" not in vars(Heir)


class Common:
    """Has all of its state in its class."""

    calls, rate, name = 0, 0.5, "a"
    mean = np.zeros(3)
    seen: ClassVar = []
    by_size: ClassVar = {}
    nested: ClassVar = {"mean": np.zeros(3)}

    def forward(self, x):
        Common.calls += 1
        Common.rate, Common.name = 2 * Common.rate, "b"
        Common.mean = Common.mean + x.mean(0)
        Common.new = x.copy()
        Common.seen.append(x)
        Common.by_size[len(Common.seen)] = x
        Common.nested["mean"] += 1
        return np.sin(x)

    def backward(self, x, dy):
        return dy * np.cos(x)


class Heiress(Common):
    pass


@pytest.mark.parametrize("kind", [Common, Heiress])
def test_counters_lists_and_dictionaries_of_a_class_are_what_they_were(kind):
    layer, mean = kind(), Common.mean
    gradcheck.assert_gradients(pair(layer.forward, layer.backward), X)
    assert (Common.calls, Common.rate, Common.name, Common.seen, Common.by_size) == (0, 0.5, "a", [], {})
    assert Common.mean is mean and not mean.any() and not Common.nested["mean"].any()
    assert not hasattr(Common, "new") and vars(Heiress).keys().isdisjoint({"calls", "mean", "seen"})


def test_what_a_class_keeps_of_a_compiler_stays():
    class Kernels:
        compiled: ClassVar = {}

        def __call__(self, x):
            Kernels.compiled["code"], Kernels.build = copy.copy, copy.copy
            return x

    with kept(Kernels()):
        Kernels()(1)
    assert Kernels.compiled == {"code": copy.copy} and Kernels.build is copy.copy


class Ratio(float, enum.Enum):
    HALF = 0.5


def test_a_member_of_an_enumeration_is_not_assigned_anew():
    with kept(lambda: Ratio):
        assert Ratio.HALF == 0.5
    assert Ratio.HALF is Ratio(0.5)
