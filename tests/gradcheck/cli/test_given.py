"""Everything takes what its signature names."""

import numpy as np
import pytest

from gradcheck.cli.errors import UsageError
from gradcheck.cli.given import Given
from gradcheck.cli.values import array


def given(*inputs, **parameters):
    return Given([array(text) for text in inputs], parameters, 0)


def test_a_dtype_is_that_of_the_inputs():
    def make(dtype=np.float16):
        return dtype

    assert given("x=2:float32", "ids=2<5").call(make, "make()") == "float32"
    assert given("x=2").call(make, "make()") == "float64"
    assert given("x=2", dtype="float32").call(make, "make()") == "float32"
    assert given("ids=2<5").call(make, "make()") == np.float16
    assert given("x=2", "z=2:float32").call(make, "make()") == np.float16
    assert given("x=2").call(lambda size=3: size, "make()") == 3


def test_a_required_generator_is_made_from_the_seed():
    first, second = (given().call(lambda rng: rng.random(), "make()") for _ in range(2))
    assert first == second == np.random.default_rng(0).random()
    assert given().call(lambda rng=None: rng, "make()") is None
    assert given(rng=5).call(lambda rng: rng, "make()") == 5


def test_arguments_go_by_position_where_they_must():
    def make(a, /, b, *, c=3, **more):
        return a, b, c, more

    assert given(a=1, b=2, d=4).call(make, "make()") == (1, 2, 3, {})


def test_inputs_stand_in_the_order_of_the_signature():
    def layer(x, axis=-1, memory=None, *, mask=None, rate=0.5, **more):
        raise NotImplementedError

    inputs, constants = given("memory=3", "x=2", rate=0.1, extra=7).inputs_of(layer, "layer")
    assert [np.shape(x) for x in inputs] == [(2,), (), (3,)] and inputs[1] == -1
    assert constants == {"rate": 0.1, "extra": 7}
    assert len(given("x=2").inputs_of(layer, "layer")[0]) == 1


def test_a_builtin_without_a_signature_takes_arrays_as_they_come(monkeypatch):
    inputs, constants = given("b=3", "a=2", "ids=2<5").inputs_of(max, "max")
    assert [x.shape for x in inputs] == [(3,), (2,)] and constants == {}


def test_what_is_missing_is_named():
    message = r"^f needs z: give an array by --input 'z=2,8', or a value by --param z=\.\.\.$"
    with pytest.raises(UsageError, match=message):
        given("x=2").inputs_of(lambda x, *, z: None, "f")


def test_of_what_is_missing_the_names_that_nothing_takes_are_told():
    with pytest.raises(UsageError, match=r"^f needs z, got q, r: give an array by --input 'z=2,8'"):
        given("x=2", "q=3", r=2).inputs_of(lambda x, *, z: None, "f")
    found = given("w=2", "x=2")
    found.call(lambda w: None, "f")
    with pytest.raises(UsageError, match=r"^f needs z: give"):  # what makes the subject took w
        found.inputs_of(lambda x, z: None, "f")


def test_what_was_taken_and_what_could_be_is_known():
    found = given("x=2", "z=3")
    found.inputs_of(lambda x, y=1, *rest, mask=None, **more: None, "f")
    assert found.taken == {"x", "z"} and list(found.known) == ["x", "y", "mask"]
