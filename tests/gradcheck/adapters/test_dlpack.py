"""Arrays of another library, which knows nothing of NumPy but DLPack."""

import dataclasses
import sys
from types import ModuleType

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import dlpack, pair


class Array:
    """An array of a library that is not NumPy: it computes, and is exported, but is no ndarray."""

    def __init__(self, held):
        self.held = held

    def __dlpack__(self, **options):
        return self.held.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.held.__dlpack_device__()

    def __mul__(self, other):
        return Array(self.held * (other.held if isinstance(other, Array) else other))

    def sin(self):
        return Array(np.sin(self.held))

    def cos(self):
        return Array(np.cos(self.held))

    def total(self):
        return Array(self.held.sum(axis=0))


def from_dlpack(x):
    return Array(np.from_dlpack(x))


@pytest.fixture
def library(monkeypatch):
    home = ModuleType("strange")
    home.from_dlpack = from_dlpack
    monkeypatch.setitem(sys.modules, "strange", home)
    monkeypatch.setattr(Array, "__module__", "strange.arrays")


@pytest.fixture
def x(rng):
    return rng.normal(size=(4, 3))


def sine(x):
    return x.sin(), lambda dy: dy * x.cos()


def test_a_function_of_its_arrays_is_proved_from_numpys(prove, x):
    assert [g.name for g in prove(dlpack(sine, from_dlpack=from_dlpack), x).gradients] == ["x"]


def test_the_library_is_found_by_its_array(prove, library, x):
    prove(dlpack(sine), Array(x))
    prove(dlpack(lambda x, *, by: (x.sin() * by, lambda dy: dy * x.cos() * by)), x, by=Array(np.ones(3)))


def test_a_wrong_gradient_is_caught(caught, x):
    caught({"x"}, dlpack(lambda x: (x.sin(), lambda dy: dy * x.cos() * 1.001), from_dlpack=from_dlpack), x)


def test_other_adapters_and_trees_go_inside(prove, caught, rng, x):
    def forward(x, t):
        assert isinstance(t["n"], Array)
        return {"a": x * t["w"], "b": [x.sin()]}

    def backward(x, t, dy):
        dx = dy["a"].held * t["w"].held + dy["b"][0].held * x.cos().held
        return Array(dx), {"w": (dy["a"] * x).total()}

    inputs = x, {"w": rng.normal(size=3), "n": np.arange(2)}
    prove(dlpack(pair(forward, backward), from_dlpack=from_dlpack), *inputs)
    wrong = pair(forward, lambda *arguments: (backward(*arguments)[0], {"w": backward(*arguments)[1]["w"] * 2.0}))
    caught({"t.w"}, dlpack(wrong, from_dlpack=from_dlpack), *inputs)


@dataclasses.dataclass(frozen=True)
class Scale:
    gain: Array

    def vjp(self, x):
        return x * self.gain, lambda dy: (Scale((dy * x).total()), dy * self.gain)


def test_parameters_of_a_layer_are_checked_by_their_names(prove, library, rng, x):
    report = prove(dlpack(Scale(Array(rng.normal(size=3)))), x)
    assert [g.name for g in report.gradients] == ["gain", "x"]


def write(array):
    array.held.flags.writeable = True
    array.held *= 2
    return array


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        (lambda x: (write(x).sin(), lambda dy: dy * x.cos()), "the forward pass writes to an array that it was given"),
        (lambda x: (x.sin(), lambda dy: write(dy) * x.cos()), "the pullback writes to the cotangent dy it was given"),
        (
            lambda x: (x.sin(), lambda dy: dy * write(x).cos()),
            "the pullback writes to an array that the forward pass was given",
        ),
    ],
)
def test_writes_are_told(subject, message, x):
    def shared(x):
        return Array(x)  # in the memory that it was given

    report = gradcheck.check(dlpack(subject, from_dlpack=shared), x)
    assert [(f.kind, f.message) for f in report.findings if f.severity == "fail"] == [("mutation", message)]


def test_what_was_handed_over_stays_as_it_was(x):
    before = x.copy()
    gradcheck.check(dlpack(lambda x: (write(x).sin(), lambda dy: dy), from_dlpack=Array), Array(x))
    np.testing.assert_array_equal(x, before)


class Elsewhere(Array):
    def __dlpack__(self, **options):
        raise BufferError("on a card\nof some kind")


class Silent(Array):
    def __dlpack__(self, **options):
        raise BufferError


Silent.__module__ = Elsewhere.__module__ = "strange.arrays"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dlpack(sine, from_dlpack=3), "from_dlpack must be callable, got int"),
        (
            lambda: gradcheck.check(dlpack(sine), np.ones(2)),
            "dlpack must get an array of a library, or from_dlpack, got neither",
        ),
        (
            lambda: gradcheck.check(dlpack(sine), Elsewhere(np.ones(2))),
            "dlpack must be told from_dlpack for strange.Elsewhere, got none in strange",
        ),
        (
            lambda: gradcheck.check(dlpack(sine, from_dlpack=Array), Elsewhere(np.ones(2))),
            "strange.Elsewhere must be one that NumPy takes by DLPack, got: on a card",
        ),
        (
            lambda: gradcheck.check(dlpack(sine, from_dlpack=Array), Silent(np.ones(2))),
            "strange.Silent must be one that NumPy takes by DLPack, got: BufferError",
        ),
    ],
)
def test_what_cannot_be_handed_over_is_refused(call, message):
    with pytest.raises(TypeError, match="gradcheck: ") as error:
        call()
    assert str(error.value) == f"gradcheck: {message}"


class OnDevice(Array):
    """An array on a device: nobody reads it unless a copy on the host is asked for by name."""

    asked = None  # a list, while somebody looks

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        if self.asked is not None:
            self.asked.append(dl_device)
        if dl_device != (1, 0):
            raise BufferError("this array is on a device")
        return self.held.copy().__dlpack__(max_version=max_version)

    def __dlpack_device__(self):
        return (2, 0)

    def __mul__(self, other):
        return OnDevice(self.held * (other.held if isinstance(other, Array) else other))

    def sin(self):
        return OnDevice(np.sin(self.held))

    def cos(self):
        return OnDevice(np.cos(self.held))


@pytest.fixture
def device(monkeypatch):
    home = ModuleType("strange")
    home.asarray = lambda x: OnDevice(np.array(x))
    monkeypatch.setitem(sys.modules, "strange", home)
    monkeypatch.setattr(OnDevice, "__module__", "strange.arrays")
    monkeypatch.setattr(OnDevice, "asked", [])


@pytest.mark.usefixtures("device")
def test_on_a_device_only_the_subject_runs(prove, caught, x):
    prove(dlpack(sine), OnDevice(x))
    assert OnDevice.asked and set(OnDevice.asked) == {(1, 0)}
    caught({"x"}, dlpack(lambda x: (x.sin(), lambda dy: dy * x.cos() * 1.001)), OnDevice(x))


@pytest.mark.usefixtures("device")
def test_writes_there_are_told(x):
    def subject(x):
        y = x.sin()
        x.held[0] += 1
        return y, lambda dy: dy * x.cos()

    report = gradcheck.check(dlpack(subject), OnDevice(x))
    assert report.verdict == "fail" and "the forward pass writes to an array that it was given" in str(report)


def test_of_a_device_the_library_must_have_asarray(monkeypatch, x):
    monkeypatch.setitem(sys.modules, "strange", ModuleType("strange"))
    monkeypatch.setattr(OnDevice, "__module__", "strange.arrays")
    with pytest.raises(TypeError, match=r"^gradcheck: dlpack must be told from_dlpack for strange\.OnDevice, got none"):
        gradcheck.check(dlpack(sine), OnDevice(x))


def test_methods_that_take_the_librarys_arrays_alone_are_proved_though_their_object_holds_numpys(prove, library, x):
    class Scale:
        def __init__(self):
            self.factor = np.arange(1.0, 4)

        def forward(self, x):
            return (x * self.factor).sin()

        def backward(self, x, dy):
            return dy * (x * self.factor).cos() * self.factor

    scale = Scale()
    prove(dlpack(pair(scale.forward, scale.backward)), Array(x))
