from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pytest
from numpy.typing import DTypeLike

from reference.core import tree
from reference.core.kinds import AboveZero, Finite, Nonnegative, Share, Size, kind_of, shaped
from reference.core.layer import Layer


class Gain(Layer):
    g: np.ndarray

    @classmethod
    def init(cls, rng: np.random.Generator, width: Size, scale: AboveZero = 1.0, dtype: DTypeLike = np.float32):
        return cls(g=rng.normal(scale=scale, size=width).astype(dtype))


class Other(Layer):
    pass


WRONG = [
    (np.ndarray, 1, TypeError, "must be a floating array, got int"),
    (np.ndarray, None, TypeError, "must be a floating array, got NoneType"),
    (np.ndarray, [1.0], TypeError, "must be a floating array, got list"),
    (np.ndarray, np.float64(1), TypeError, "must be a floating array, got float64"),
    (np.ndarray, np.ones((1, 1)).view(np.matrix), TypeError, "must be a floating array, got matrix"),
    (np.ndarray, np.ma.ones(3), TypeError, "must be a floating array, got MaskedArray"),
    (np.ndarray, np.ones(3, int), TypeError, "must be floating or complex, got int64"),
    (np.ndarray, Other(), TypeError, "must be a floating array, got Other"),
    (np.ndarray, np.ndarray, TypeError, "must be a floating array, got the class ndarray"),
    (np.ndarray | None, 1, TypeError, "must be a floating array or None, got int"),
    (np.ndarray | None, np.ones(3, int), TypeError, "must be floating or complex, got int64"),
    (Annotated[np.ndarray, shaped("D", "K")], np.ones(3), ValueError, "must have shape (D, K), got (3,)"),
    (Gain, Other(), TypeError, "must be a Gain, got Other"),
    (Gain, Gain, TypeError, "must be a Gain, got the class Gain"),
    (Other, None, TypeError, "must be an Other, got NoneType"),
    (Layer, np.ones(3), TypeError, "must be a layer, got ndarray"),
    (Gain | Other, 1.5, TypeError, "must be a Gain or an Other, got float"),
    (tuple[Layer, ...], [Other()], TypeError, "must be a tuple, got list"),
    (tuple[Layer, ...], Other(), TypeError, "must be a tuple, got Other"),
    (tuple[Gain, ...], (Gain(np.ones(1)), Other()), TypeError, "[1] must be a Gain, got Other"),
    (bool, 0, TypeError, "must be True or False, got int"),
    (bool, "no", TypeError, "must be True or False, got str"),
    (int, True, TypeError, "must be a whole number, got bool"),
    (int, 1.0, TypeError, "must be a whole number, got float"),
    (int | None, [1, 5], TypeError, "must be a whole number or None, got list"),
    (float, "1", TypeError, "must be a number, got str"),
    (float, 1j, TypeError, "must be a number, got complex"),
    (str, 1, TypeError, "must be a string, got int"),
    (Size, 0, ValueError, "must be at least 1, got 0"),
    (Size | None, -1, ValueError, "must be at least 1, got -1"),
    (Size | None, "3", TypeError, "must be a whole number or None, got str"),
    (Share, 1.0, ValueError, "must lie in [0, 1), got 1.0"),
    (Nonnegative, -1e-9, ValueError, "must be finite and at least 0, got -1e-09"),
    (AboveZero, 0, ValueError, "must be positive and finite, got 0"),
    (AboveZero | None, np.inf, ValueError, "must be positive and finite, got inf"),
    (Finite, np.nan, ValueError, "must be finite, got nan"),
    (Literal["mean", "sum"], "max", ValueError, "must be 'mean' or 'sum', got 'max'"),
    (Literal["mean", "sum"], np.ones(3), TypeError, "must be 'mean' or 'sum', got ndarray"),
    (Callable[[Any], Any], 3, TypeError, "must be callable, got int"),
    (Annotated[Callable[[Any], Any], "callable, such as abs"], 3, TypeError, "must be callable, such as abs, got int"),
    (type[Gain] | type[Other], Layer, TypeError, "must be the class Gain or the class Other, got the class Layer"),
    (type[Gain], Gain(np.ones(1)), TypeError, "must be the class Gain, got Gain"),
    (np.random.Generator, np.random.RandomState(0), TypeError, "must be a numpy.random.Generator, got RandomState"),
]


@pytest.mark.parametrize(("annotation", "value", "error", "message"), WRONG)
def test_what_an_annotation_does_not_allow_is_one_clear_line(annotation, value, error, message):
    with pytest.raises(error) as raised:
        kind_of(annotation).check("Layer", "field", value)
    assert str(raised.value) == f"Layer: field{'' if message.startswith('[') else ' '}{message}"


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (np.ndarray, np.ones(3, complex)),
        (np.ndarray, np.ones(3, ">f4")),
        (np.ndarray | None, None),
        (Gain | None, Gain(np.ones(1))),
        (Layer, Other()),
        (tuple[Layer, ...], ()),
        (bool, np.True_),
        (int | None, np.int8(-1)),
        (float, np.float32(1)),
        (float, 1),
        (Size | None, None),
        (Share, 0),
        (type[Gain], type("Finer", (Gain,), {})),
        (Callable[[Any], Any], abs),
        (Literal["mean", "sum"], "sum"),
        (np.random.Generator, np.random.default_rng()),
    ],
)
def test_what_an_annotation_allows_passes(annotation, value):
    assert kind_of(annotation).check("Layer", "field", value) is None


@pytest.mark.parametrize("annotation", [Any, Any | None, "Gain", ClassVar[int]])
def test_an_annotation_that_says_nothing_is_no_check(annotation):
    assert kind_of(annotation) is None


def test_a_person_who_makes_a_layer_is_told_and_a_walk_over_a_valid_one_pays_nothing():
    gain = Gain(np.ones(3))
    with pytest.raises(TypeError, match=r"^Gain: g must be a floating array, got int$"):
        Gain(3)
    assert tree.map(lambda g: g.shape, gain).g == (3,)
    assert gain.cotangent(g=np.zeros(3)).g.shape == (3,)


def test_a_subclass_is_checked_by_its_own_fields_and_by_those_it_inherits():
    class Shifted(Gain):
        shift: Finite = 0.0

    with pytest.raises(ValueError, match=r"^Shifted: shift must be finite, got inf$"):
        Shifted(np.ones(3), np.inf)
    with pytest.raises(TypeError, match=r"^Shifted: g must be a floating array, got NoneType$"):
        Shifted(None)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((None, 3), TypeError, "rng must be a numpy.random.Generator, got NoneType"),
        ((3, np.random.default_rng(0)), TypeError, "rng must be a numpy.random.Generator, got int"),
        ((np.random.default_rng(0), np.float32), TypeError, "width must be a whole number, got the class float32"),
        ((np.random.default_rng(0), 0), ValueError, "width must be at least 1, got 0"),
        ((np.random.default_rng(0), 3, -1.0), ValueError, "scale must be positive and finite, got -1.0"),
        ((np.random.default_rng(0), 3, 1.0, "foo"), TypeError, "dtype must be floating or complex, got 'foo'"),
        ((np.random.default_rng(0), 3, 1.0, None), TypeError, "dtype must be floating or complex, got NoneType"),
        ((np.random.default_rng(0), 3, 1.0, int), TypeError, "dtype must be floating or complex, got int64"),
    ],
)
def test_the_arguments_of_what_makes_a_layer_are_checked_before_it_draws(arguments, error, message):
    states = [given.bit_generator.state for given in arguments if isinstance(given, np.random.Generator)]
    with pytest.raises(error) as raised:
        Gain.init(*arguments)
    assert str(raised.value) == f"Gain.init: {message}"
    assert states == [given.bit_generator.state for given in arguments if isinstance(given, np.random.Generator)]


def test_the_numbers_of_numpy_among_them_become_those_of_python():
    class Told(Gain):
        @classmethod
        def init(cls, width: Size, scale: Finite, dtype: DTypeLike = np.float32):
            told.extend([width, scale, dtype])
            return cls(np.ones(width, dtype))

    told = []
    Told.init(np.int8(100), scale=np.float16(0.5), dtype=np.float64)
    assert told == [100, 0.5, np.float64] and list(map(type, told[:2])) == [int, float]


def test_an_annotation_of_a_name_that_is_not_known_says_nothing():
    class Local(Layer):
        inner: "Elsewhere"  # noqa: F821
        scale: Finite = 1.0

    assert Local(inner=3).inner == 3
    with pytest.raises(TypeError, match=r"^Local: scale must be a number, got str$"):
        Local(inner=3, scale="3")


def test_a_missing_argument_is_told_by_python():
    with pytest.raises(TypeError, match=r"^Gain\.init\(\) missing 1 required positional argument: 'width'$"):
        Gain.init(np.random.default_rng(0))


@pytest.mark.parametrize(
    ("value", "kind"),
    [(np.float64(0.5), float), (np.float16(0.5), float), (np.longdouble(0.5), float), (np.int8(3), int),
     (np.uint64(2**64 - 1), int), (1, int), (0.5, float)],
)  # fmt: skip
def test_a_number_of_numpy_becomes_one_of_python_where_a_layer_is_made(value, kind):
    class Scaled(Layer):
        scale: Finite = 1.0
        several: tuple[Finite, ...] = ()

    made = Scaled(value, (value, value))
    assert made.scale == value and type(made.scale) is kind
    assert [type(each) for each in made.several] == [kind, kind]


def test_a_flag_of_numpy_becomes_one_of_python_and_a_parameter_stays_what_it_is():
    class Flagged(Gain):
        flag: bool = False

    g = np.ones(3, np.float32)
    assert Flagged(g, np.True_).flag is True and Flagged(g, np.True_).g is g
