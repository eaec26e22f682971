"""How NumPy handles floating-point errors is after a forward pass, and after a pullback, what it was before."""

import numpy as np
import pytest
from promises import called, found

import gradcheck
from gradcheck.contract.handling import keeps_handling
from gradcheck.contract.likeness import Rounding

X = np.random.default_rng(1).normal(size=(3, 4))
PLACES = {"forward pass": "forward", "pullback": "backward"}
TOLD = "the {} changes how NumPy handles floating-point errors, which the checker had set: {}"


def answer(_error, _flag):
    pass


def failures(subject, *inputs, **options):
    return found(keeps_handling, subject, *inputs, **options)


def cube(forward=dict, backward=dict):
    """Return a right layer that does something besides in its forward pass, and in its pullback."""

    def vjp(x):
        forward()

        def pullback(dy):
            backward()
            return 3 * x * x * dy

        return x * x * x, pullback

    return vjp


def acting(place, act):
    return cube(**{PLACES[place]: act})


def handling():
    return np.geterr(), np.geterrcall()


def test_a_layer_that_sets_nothing_keeps_the_promise():
    assert failures(cube(), X) == {}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("mode", ["ignore", "warn", "raise", "print", "log"])
def test_a_mode_that_is_left_behind_is_told_with_what_it_was(place, mode):
    message = TOLD.format(place, f"divide, over, under, invalid was call, is now {mode}")
    assert failures(acting(place, lambda: np.seterr(all=mode)), X) == {("handling", None): message}


@pytest.mark.parametrize("place", PLACES)
def test_only_what_changed_is_told(place):
    message = TOLD.format(place, "over was call, is now raise; invalid was call, is now ignore")
    subject = acting(place, lambda: np.seterr(over="raise", invalid="ignore"))
    assert failures(subject, X) == {("handling", None): message}


@pytest.mark.parametrize("place", PLACES)
def test_a_function_that_is_left_behind_is_told_by_its_name(place):
    message = TOLD.format(place, "function was the checker's, is now answer")
    assert failures(acting(place, lambda: np.seterrcall(answer)), X) == {("handling", None): message}


@pytest.mark.parametrize("place", PLACES)
def test_what_is_put_back_keeps_the_promise(place):
    def act():
        with np.errstate(all="raise", call=answer):
            pass
        np.seterr(**np.seterr(all="ignore"))

    assert failures(acting(place, act), X) == {}


def test_each_pass_is_told_of_its_own():
    call = called(cube(lambda: np.seterr(over="raise"), lambda: np.seterr(under="warn")), X)
    expected = [("forward pass", "over was call, is now raise"), ("pullback", "under was call, is now warn")]
    assert [f.message for f in keeps_handling(call, None, None)] == [TOLD.format(*words) for words in expected]


@pytest.mark.parametrize("place", PLACES)
def test_while_a_finding_is_told_the_handling_is_the_callers(place):
    call, before = called(acting(place, lambda: np.seterr(all="raise")), X), handling()
    for _ in keeps_handling(call, None, None):
        assert handling() == before
    assert handling() == before


@pytest.mark.parametrize("place", PLACES)
def test_a_check_fails_and_leaves_the_session_as_it_was(place):
    def act():
        np.seterr(all="raise")
        np.seterrcall(answer)

    with np.errstate(over="print", call=print):
        before = handling()
        report = gradcheck.check(acting(place, act), X)
        assert handling() == before
    assert report.verdict == "fail" and [f.kind for f in report.findings if f.severity == "fail"] == ["handling"]
    assert gradcheck.check(cube(), X).verdict == "pass"


@pytest.mark.parametrize("place", PLACES)
def test_what_a_layer_sets_does_not_stop_the_checker(place):
    """The checker's own bounds of numbers as small as these underflow."""
    report = gradcheck.check(acting(place, lambda: np.seterr(all="raise")), 1e-100 * X)
    assert "handling" in {f.kind for f in report.findings if f.severity == "fail"}


def test_the_pullback_is_asked_along_the_first_cotangent():
    asked = []

    def vjp(x):
        return x * 1.0, lambda dy: asked.append(dy) or dy * 1.0

    call = called(vjp, X)
    asked.clear()
    assert list(keeps_handling(call, Rounding({}, {}, {}, 0.0), np.random.default_rng(0))) == []
    assert len(asked) == 1 and np.array_equal(asked[0].ravel(), call.g[0]) and not np.array_equal(*call.g[:2])
