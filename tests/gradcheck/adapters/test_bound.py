"""Methods of one object, whose arrays are parameters where their gradients are returned beside those of the inputs."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import cached, pair

FORMS = {
    "by name": lambda dx, dw, db: (dx, {"W": dw, "b": db}),
    "by other spellings": lambda dx, dw, db: (dx, {"dW": dw, "grad_b": db}),
    "all by name": lambda dx, dw, db: {"dx": dx, "W": dw, "b": db},
    "in a tuple": lambda dx, dw, db: (dx, (dw, db)),
    "in a list": lambda dx, dw, db: (dx, [dw, db]),
    "one by one": lambda dx, dw, db: (dx, dw, db),
    "beside a tuple": lambda dx, dw, db: ((dx,), {"W": dw, "b": db}),
}


class Linear:
    def __init__(self, form, factor=1.0):
        rng = np.random.default_rng(5)
        self.params = {"W": rng.normal(size=(4, 3)), "b": rng.normal(size=3)}
        self.table, self.form, self.factor = np.arange(3), form, factor

    def plain(self, x):
        return np.tanh(x) @ self.params["W"] + self.params["b"] + self.table

    def forward(self, x):
        return self.plain(x), x

    def backward(self, dy, cache):
        dx = (dy @ self.params["W"].T) * (1 - np.tanh(cache) ** 2)
        return self.form(dx, self.factor * np.tanh(cache).T @ dy, dy.sum(axis=0))

    def plain_backward(self, x, dy):
        return self.backward(dy, x)


def of_cache(layer):
    return cached(layer.forward, layer.backward)


def of_two(layer):
    return pair(layer.plain, layer.plain_backward)


@pytest.mark.parametrize("adapter", [of_cache, of_two])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_arrays_of_the_object_are_proved_and_a_wrong_gradient_is_caught(adapter, form, x, prove, caught):
    layer = Linear(form)
    before = {name: a.copy() for name, a in layer.params.items()}
    report = prove(adapter(layer), x)
    assert [g.name for g in report.gradients] == ["params.W", "params.b", "x"]
    assert all(np.array_equal(before[name], a) for name, a in layer.params.items())
    caught({"params.W"}, adapter(Linear(form, 1.001)), x)


@pytest.mark.parametrize("adapter", [of_cache, of_two])
def test_a_name_that_no_array_has_is_refused(adapter, x):
    layer = Linear(lambda dx, dw, db: (dx, {"W": dw, "bias": db}))
    with pytest.raises(TypeError, match=r"must have gradients by the names x, W, got bias; what has a gradient is "):
        gradcheck.check(adapter(layer), x)


def test_an_object_whose_gradients_are_not_returned_has_no_parameters(x, prove):
    report = prove(of_cache(Linear(lambda dx, dw, db: dx)), x)
    assert [g.name for g in report.gradients] == ["x"]


def test_an_input_keeps_a_name_that_an_array_of_the_object_has_too(x, prove):
    class Mixed(Linear):
        def plain(self, x, w):
            return super().plain(x) * w

        def plain_backward(self, x, w, dy):
            dx, rest = super().plain_backward(x, dy * w)
            return dx, {"w": dy * super().plain(x), "dW": rest["W"], "b": rest["b"]}

    report = prove(of_two(Mixed(FORMS["by name"])), x, x[:, :3].copy())
    assert [g.name for g in report.gradients] == ["params.W", "params.b", "x", "w"]


@pytest.mark.parametrize("adapter", [of_cache, of_two])
@pytest.mark.parametrize("whole", [lambda dx, d: (dx, d), lambda dx, d: {"x": dx, **d}], ids=["apart", "all by name"])
def test_an_array_whose_gradient_is_left_out_beside_that_of_another_is_forgotten(adapter, whole, x):
    for left_out, name in (("b", "W"), ("W", "b")):

        def form(dx, dw, db, kept=name):
            return whole(dx, {kept: {"W": dw, "b": db}[kept]})

        report = gradcheck.check(adapter(Linear(form)), x)
        assert report.verdict == "fail"
        assert {g.name: g.verdict for g in report.gradients} == {f"params.{name}": "pass", "x": "pass"}
        message = "on which the output depends: it is not among those that are returned"
        assert [(f.kind, f.severity, f.array, f.message) for f in report.findings] == [
            ("missing", "fail", f"params.{left_out}", f"no gradient for params.{left_out}, {message}")
        ]


def test_arrays_that_do_not_count_and_masks_are_constants(x, prove):
    class More(Linear):
        def __init__(self, form):
            super().__init__(form)
            self.params["twin"] = self.params["b"]  # at two paths, by one of them
            self.unused, self.mask, self.kept = np.ones(4) / 3, np.array([1.0, 0.0, 1.0]), np.zeros(1)

        def plain(self, x):
            self.kept = x[:1].copy()
            return super().plain(x) * self.mask

        def backward(self, dy, cache):
            return super().backward(dy * self.mask, cache)

    for adapter in (of_cache, of_two):
        report = prove(adapter(More(FORMS["by name"])), x)
        assert sorted(g.name for g in report.gradients) == ["params.W", "params.b", "x"]


def test_what_is_drawn_of_the_global_generators_is_no_dependence(x, prove):
    class Noisy(Linear):
        def plain(self, x):
            return super().plain(x) + np.random.normal(size=3)  # noqa: NPY002

    layer = Noisy(FORMS["by name"])
    layer.unused = np.ones(4) / 3
    assert prove(of_two(layer), x).verdict == "pass"


def test_methods_of_two_objects_or_of_what_cannot_be_copied_have_no_parameters(x):
    class Held(Linear):
        def __deepcopy__(self, memo):
            raise TypeError("holds a file")

    for one, other in ((Linear(FORMS["by name"]), Linear(FORMS["by name"])), (Held(FORMS["by name"]),) * 2):
        with pytest.raises(TypeError, match=r"must have gradients by the names x, got W, b; "):
            gradcheck.check(cached(one.forward, other.backward), x)


def test_a_masked_array_among_the_parameters_is_refused(x):
    layer = Linear(FORMS["by name"])
    layer.params["b"] = np.ma.masked_array(layer.params["b"], False)
    with pytest.raises(TypeError, match=r"params\.b must be a plain NumPy array, got a masked array"):
        gradcheck.check(of_cache(layer), x)


def test_what_a_later_forward_pass_leaves_in_the_object_is_stale(x):
    class Stale(Linear):
        def forward(self, x):
            self.x = x
            return self.plain(x), None

        def backward(self, dy, cache):
            return super().backward(dy, self.x)

    report = gradcheck.check(of_cache(Stale(FORMS["by name"])), x)
    plain = Stale(lambda dx, dw, db: dx)
    assert report.verdict == gradcheck.check(of_cache(plain), x).verdict == "fail"
    assert {f.kind for f in report.findings if f.severity == "fail"} >= {"stale"}


@pytest.mark.parametrize("form", [FORMS["by name"], lambda dx, dw, db: dx], ids=["with parameters", "without"])
def test_what_the_first_step_leaves_in_the_object_is_no_part_of_the_second(form, x):
    class Kept(Linear):
        def forward(self, x):
            vars(self).setdefault("x", x)
            return self.plain(x), None

        def backward(self, dy, cache):
            return super().backward(dy, self.x)

    report = gradcheck.check(of_cache(Kept(form)), x)
    assert report.verdict == "fail" and "kept" in {f.kind for f in report.findings if f.severity == "fail"}


@pytest.mark.parametrize(("part", "call"), [("forward", "the forward pass"), ("backward", "the pullback")])
def test_an_error_of_the_object_comes_through_with_a_note(part, call, x):
    def raises(self, *arguments):
        raise KeyError("inside")

    layer = type("Wrong", (Linear,), {part: raises})(FORMS["by name"])
    with pytest.raises(KeyError, match="inside") as error:
        gradcheck.check(of_cache(layer), x)
    assert error.value.__notes__[-1] == f"gradcheck: raised by {call} of the subject under check"


def test_parts_that_share_an_array_get_one_and_the_object_may_be_sent_to_another_process(x, prove):
    class Tied(Linear):
        def __init__(self):
            super().__init__(FORMS["by name"])
            self.alias = self.params["W"]

        def plain(self, x):
            return np.tanh(x) @ self.alias + self.params["b"]

    prove(of_two(Tied()), x)
    subject = of_two(Linear(FORMS["by name"]))
    subject.prepare((x,), {})
    subject.vjp(subject.parameters, (x,), {})
    assert subject.__getstate__()["_twins"] == {}
