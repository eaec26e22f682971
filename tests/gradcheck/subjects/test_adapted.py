"""Whatever the user wrote is brought into one shape, or refused in one line that says what to do."""

import collections
import dataclasses
import functools

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.subjects.adapted import Adapted, Leaf, leaf_list, names, per_input
from gradcheck.subjects.kinds import adapt
from gradcheck.subjects.raised import Broken

X = np.random.default_rng(1).normal(size=(2, 3))


class Cube:
    def vjp(self, x):
        return x * x * x, lambda dy: (3 * x * x * dy,)


def cube(x):
    return x * x * x, lambda dy: 3 * x * x * dy


SUBJECT = "the subject must have a method vjp or be a function that returns (y, pullback)"
HOME = "gradcheck.adapters"
ENDING = f"for a forward and a backward function use {HOME}.pair(forward, backward)"
TUPLE = (
    f"for (out, cache) or (h, c, cache) use {HOME}.cached(forward, backward), "
    f"for (value, grads) or (value, dx, dw) {HOME}.value_and_grad(function)"
)


NUMBERS = "hand over np.array of it, or it by keyword if it is constant"
OF_JAX = (
    f"for JAX use {HOME}.jax_function(function), or {HOME}.dlpack(subject) where the backward pass stands beside the "
    "function"
)
OF_AN_OBJECT = f"for an object with forward and backward use {HOME}.module(obj)"
OF_A_CLASS = f"for a class with forward and backward use {HOME}.module(obj) with an instance"


class Course:
    def forward(self, x):
        return x

    backward = forward


class Called(Course):
    __call__ = Course.forward


class Tensor:
    pass


Tensor.__module__ = "torch"
Array = type("Array", (), {"__module__": "jaxlib._jax", "__array__": None})


@pytest.mark.parametrize(
    ("subject", "inputs", "message"),
    [
        (3, (X,), f"{SUBJECT}, got int"),
        (Cube, (X,), f"{SUBJECT}, got the class Cube; hand over an instance"),
        (cube, (), "cube must have a floating array to differentiate, got no input"),
        (cube, (np.arange(3),), "cube must have a floating array to differentiate, got int64[3]"),
        (cube, ("abc", 3), "cube must have a floating array to differentiate, got str, int"),
        (
            cube,
            ([1.0, 2.0],),
            f"x must be a NumPy array of real numbers, got a list of numbers: {NUMBERS}",
        ),
        (
            lambda x, betas: None,
            (X, ((0.9, 1), [2.0])),
            f"betas must be a NumPy array of real numbers, got a tuple of numbers: {NUMBERS}",
        ),
        (cube, (X.view(np.matrix),), "x must be a plain NumPy array, got a numpy.matrix: hand over np.asarray of it"),
        (
            cube,
            ({"a": [np.ma.masked_array(X, X > 0)]},),
            "x.a[0] must be a plain NumPy array, got a masked array: hand over its data, and its mask by keyword",
        ),
        (cube, (np.zeros(2, [("a", float)]),), "x must be a NumPy array of real numbers, got dtype [('a', '<f8')]"),
        (cube, (np.zeros(2, "M8[s]"),), "x must be a NumPy array of real numbers, got dtype datetime64[s]"),
        (cube, (np.array(["a"]),), "x must be a NumPy array of real numbers, got dtype <U1"),
        (cube, (np.array([1.0, None]),), "x must be a NumPy array of real numbers, got dtype object"),
        (lambda x: x, (X,), f"<lambda> must return (y, pullback), got ndarray; {ENDING}"),
        (lambda x: (x, x, x), (X,), f"<lambda> must return (y, pullback), got a tuple of 3; {TUPLE}"),
        (lambda x: (x, x), (X,), f"<lambda> must return (y, pullback), got a tuple of 2; {TUPLE}"),
        (Course(), (X,), f"{SUBJECT}, got Course; for an object with forward and backward use {HOME}.module(obj)"),
        (
            Called(),
            (X,),
            f"Called must return (y, pullback), got ndarray; {OF_AN_OBJECT}",
        ),
        (
            Course,
            (X,),
            f"{SUBJECT}, got the class Course; {OF_A_CLASS}",
        ),
        (
            lambda x: Tensor(),
            (X,),
            f"<lambda> must return (y, pullback), got Tensor; for PyTorch use {HOME}.torch_function(function)",
        ),
        (
            lambda x: Array(),
            (X,),
            f"<lambda> must return (y, pullback), got Array; for JAX use {HOME}.jax_function(function)",
        ),
        (
            pair(lambda x: {"a": [Array()]}, lambda x, dy: dy),
            (X,),
            f"the forward pass must return a floating array, got dict; {OF_JAX}",
        ),
        (pair(lambda x: "text", lambda x, dy: dy), (X,), "the forward pass must return a floating array, got str"),
        (pair(lambda x: x > 0, lambda x, dy: 0), (X,), "the forward pass must return a floating array, got bool[2, 3]"),
    ],
)
def test_a_subject_or_input_that_is_none_is_refused_in_one_line(subject, inputs, message):
    with pytest.raises(TypeError) as caught:  # noqa: PT011  (the whole message is compared below)
        gradcheck.check(subject, *inputs)
    assert str(caught.value) == f"gradcheck: {message}"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_forward_pass_is_finite_where_it_is_checked(value):
    def forward(x):
        y = x * x
        y[1, 0] = value
        return y

    message = f"gradcheck: the forward pass of forward must be finite where it is checked, got {value} at y\\[1, 0\\]"
    with pytest.raises(ValueError, match=message):
        gradcheck.check(pair(forward, lambda x, dy: 2 * x * dy), X)


def test_an_adapter_must_define_vjp():
    class Empty(Adapted):
        pass

    with pytest.raises(TypeError, match=r"^Empty must define vjp\(parameters, inputs, constants\)$"):
        Empty().forward(None, (X,), {})
    assert Empty().signature() is not None


def test_inputs_are_named_as_the_subject_names_them():
    def subject(a, /, b, *rest, mask=None):
        return a

    assert names(adapt(subject), (X,) * 5) == ["a", "b", "rest[0]", "rest[1]", "rest[2]"]
    assert names(adapt(subject), (X,)) == ["a"]
    assert names(adapt(lambda x: x), (X, X)) == ["x", "input[1]"]
    assert names(adapt(np.random.default_rng), (X,)) == ["seed"]
    assert names(adapt(max), (X,)) == ["input[0]"], "a builtin has no signature"
    told = adapt(subject)
    told.input_names = ("p", "q")
    assert names(told, (X, X)) == ["p", "q"]


@pytest.mark.parametrize(("cotangents", "got"), [(X, "ndarray"), ((X,), "1"), ((X,) * 4, "4")])
def test_cotangents_of_other_number_than_the_inputs_are_refused(cotangents, got):
    subject = adapt(lambda a, b, c: a)
    want = "the backward must return 3 cotangents" + (" (a, b, c)" if got != "ndarray" else "")
    with pytest.raises(Broken) as caught:
        per_input(cotangents, (X, X, np.arange(3)), subject)
    assert str(caught.value) == f"{want}, got {got}"


def test_a_bare_cotangent_belongs_to_the_one_input_that_is_differentiated():
    subject = adapt(lambda a, b: a)
    one, two = per_input(X, (np.arange(3), X), subject)
    assert one is None and two is X


@pytest.mark.parametrize("x", [[1, 2], [], [0.5, "a"], [0.5, None], [[0.5], [len]], [0.5, X]])
def test_a_list_that_is_not_of_floating_numbers_is_no_array_that_was_forgotten(x):
    subject = adapt(lambda a, x: a)
    named = [leaf.name for leaf in leaf_list(subject, (X, x))]
    assert named == (["a", "x[1]"] if x and x[-1] is X else ["a"])


def test_arrays_of_inputs_are_no_parameters():
    subject = adapt(lambda a, x: a)
    assert [leaf.is_parameter for leaf in leaf_list(subject, (X, {"b": X}))] == [False, False]


def test_one_input_has_a_bare_cotangent_or_a_tuple_of_one():
    assert gradcheck.check(pair(lambda x: x * x, lambda x, dy: (2 * x * dy,)), X).verdict == "pass"
    assert gradcheck.check(lambda x: (x * x, lambda dy: (2 * x * dy,)), X).verdict == "pass"
    assert gradcheck.check(lambda x: (x * x, lambda dy: [2 * x * dy]), X).verdict == "pass"


def test_the_cotangent_of_a_tuple_of_one_is_a_tuple_of_one():
    assert gradcheck.check(lambda t: (t[0] * t[0], lambda dy: (2 * t[0] * dy,)), (X,)).verdict == "pass"


def test_inputs_of_any_structure_have_cotangents_of_the_same():
    def vjp(batch, scale):
        y = {"sum": batch["a"] + scale * batch["b"][0], "product": (batch["a"] * batch["b"][1],)}

        def pullback(dy):
            ds, (dp,) = dy["sum"], dy["product"]
            d_batch = {"a": ds + dp * batch["b"][1], "b": (scale * ds, batch["a"] * dp)}
            return d_batch, np.vdot(ds, batch["b"][0])

        return y, pullback

    rng = np.random.default_rng(2)
    batch = {"a": X, "b": (rng.normal(size=(2, 3)), rng.normal(size=(2, 3))), "ids": np.arange(3)}
    report = gradcheck.check(vjp, batch, 0.75)
    assert report.verdict == "pass", str(report)
    assert [g.name for g in report.gradients] == ["batch.a", "batch.b[0]", "batch.b[1]", "scale"]
    assert min(g.digits for g in report.gradients) > 11


Batch = collections.namedtuple("Batch", ["a", "b"])


@dataclasses.dataclass
class State:
    a: np.ndarray
    b: np.ndarray
    steps: int = 3


class Bag:
    def __init__(self, a, b):
        self.a, self.b = a, b


BUILDERS = {
    "dict": (lambda a, b: {"a": a, "b": b}, ["t.a", "t.b"]),
    "list": (lambda a, b: [a, b], ["t[0]", "t[1]"]),
    "tuple": (lambda a, b: (a, b), ["t[0]", "t[1]"]),
    "namedtuple": (Batch, ["t.a", "t.b"]),
    "dataclass": (State, ["t.a", "t.b"]),
    "object": (Bag, ["t.a", "t.b"]),
    "nested": (lambda a, b: {"x": [a, Batch(b, None)]}, ["t.x[0]", "t.x[1].a"]),
}


def parts(tree):
    if isinstance(tree, dict):
        return (tree["a"], tree["b"]) if "a" in tree else (tree["x"][0], tree["x"][1].a)
    return tuple(tree)[:2] if isinstance(tree, list | tuple) else (tree.a, tree.b)


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("factor", [1.0, 1.001])
def test_inputs_and_outputs_may_be_trees_of_any_kind(name, factor):
    build, paths = BUILDERS[name]

    def vjp(t):
        a, b = parts(t)

        def pullback(dy):
            d, e = parts(dy)
            return build(d * b + e, d * a * factor)

        return build(a * b, a + 0 * b), pullback

    report = gradcheck.check(vjp, build(X, X[::-1] + 0.5))
    assert [g.name for g in report.gradients] == paths
    assert [g.verdict for g in report.gradients] == ["pass", "pass" if factor == 1 else "fail"], str(report)


def test_a_plain_object_with_vjp_has_its_arrays_as_parameters():
    class Plain:
        def __init__(self, w):
            self.w, self.name = w, "plain"

        def vjp(self, x):
            return x @ self.w, lambda dy: ({"w": x.T @ dy}, dy @ self.w.T)

    report = gradcheck.check(Plain(X.T.copy()), X)
    assert report.verdict == "pass", str(report)
    assert [g.name for g in report.gradients] == ["w", "x"]


@pytest.mark.parametrize("cotangents", [lambda x, dy: (2 * x * dy, dy), lambda x, dy: [], lambda x, dy: ()])
def test_one_input_has_no_other_number_of_cotangents(cotangents):
    report = gradcheck.check(pair(lambda x: x * x, cotangents), X)
    (finding,) = report.findings
    got = len(cotangents(X, X))
    assert (finding.kind, finding.message) == ("count", f"the backward must return 1 cotangent (x), got {got}")


def test_a_parameter_that_computes_otherwise_than_an_array_is_refused():
    class Layer(Cube):
        def __init__(self, w):
            self.inner = {"w": w}

    with pytest.raises(TypeError, match=r"^gradcheck: inner\.w must be a plain NumPy array, got a numpy\.matrix: hand"):
        gradcheck.check(Layer(X.view(np.matrix)), X)


@pytest.mark.parametrize("x", [2.5, np.float64(2.5), np.array(2.5), np.array([[[2.5]]]), X.T, X[::-1, ::2], np.memmap])
def test_numbers_and_views_are_arrays(x, tmp_path):
    if x is np.memmap:
        x = np.memmap(tmp_path / "x", np.float64, "w+", shape=(2, 3))
        x[...] = X
    assert gradcheck.check(cube, x).verdict == "pass"


def test_axes_are_limited_in_one_line():
    assert gradcheck.check(cube, X.reshape(*X.shape, *[1] * 28)).verdict == "pass"
    for axes in (31, 64):
        with pytest.raises(ValueError, match=rf"^gradcheck: x must have at most 30 axes, got {axes}$"):
            gradcheck.check(cube, X.reshape(*X.shape, *[1] * (axes - 2)))


class Node:
    """A layer of a tree whose children know their parent; the parent's array is used through the child."""

    def __init__(self, w, factor=1.0):
        self.w, self.factor = w, factor
        self.child = Child(self)

    def vjp(self, x):
        y = self.child.use(x)
        return y, lambda dy: ({"w": self.factor * dy * x}, self.w * dy)


class Child:
    def __init__(self, parent):
        self.parent = parent

    def use(self, x):
        return self.parent.w * x


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (1.001, "fail")])
def test_an_object_whose_child_refers_to_it_is_checked(factor, verdict):
    report = gradcheck.check(Node(X + 1, factor), X)
    assert report.verdict == verdict, str(report)
    assert [g.name for g in report.gradients] == ["w", "x"]


def test_inputs_and_constants_may_hold_themselves():
    batch = {"x": X}
    batch["self"] = batch
    square = pair(lambda b, *, note: b["self"]["x"] ** 2, lambda b, dy, note: {"x": 2 * b["x"] * dy})
    report = gradcheck.check(square, batch, note=batch)
    assert report.verdict == "pass", str(report)


def deep(depth):
    tree = X
    for _ in range(depth):
        tree = {"in": tree}
    return tree


@pytest.mark.parametrize(
    "check",
    [
        lambda tree: gradcheck.check(cube, tree),
        lambda tree: gradcheck.check(cube, X, note=tree),
        lambda tree: gradcheck.check(pair(lambda x: x, lambda x, dy: dy), tree),
        lambda tree: gradcheck.check(gradcheck.adapters.module(Course()), tree),
        lambda tree: gradcheck.check(Node(tree), X),
        lambda tree: gradcheck.check(lambda x: (tree, None), X),
        lambda tree: gradcheck.check(pair(lambda x: tree, lambda x, dy: dy), X),
    ],
)
def test_what_is_nested_too_deeply_is_refused_in_one_line(check):
    for depth in (101, 5000):
        with pytest.raises((TypeError, ValueError), match=r"^gradcheck: ") as caught:
            check(deep(depth))
        assert "\n" not in str(caught.value)


@dataclasses.dataclass(frozen=True)
class Link:
    """A key whose text is that of what it holds, and more."""

    held: object

    def __hash__(self):
        return 0


@pytest.mark.parametrize(
    ("wrap", "depth"),
    [
        (lambda key: (key,), 101), (lambda key: (key,), 5000), (lambda key: (1, (key, 2)), 60),
        (lambda key: frozenset([key]), 101), (Link, 5000),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "check",
    [
        lambda key: gradcheck.check(lambda tree: (tree[key], lambda dy: ({key: dy},)), {key: X}),
        lambda key: gradcheck.check(cube, X, note={key: 1}),
        lambda key: gradcheck.check(lambda x: ({key: x}, lambda dy: dy[key]), X),
    ],
)
def test_a_key_that_is_nested_too_deeply_is_refused_in_one_line(check, wrap, depth):
    key = functools.reduce(lambda key, _: wrap(key), range(depth), "inside")
    with pytest.raises(ValueError, match=r"^gradcheck: keys must be nested at most 100 deep, got a deeper \w+$"):
        check(key)


def test_a_module_that_is_nested_too_deeply_is_refused_in_one_line():
    course = Course()
    course.held = deep(5000)
    with pytest.raises(TypeError, match=r"^gradcheck: Course must allow copy\.deepcopy, got RecursionError: [^\n]*$"):
        gradcheck.adapters.module(course)


def test_what_is_known_is_filled_in_once():
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(Leaf).name = None


class Doubled(Adapted):
    """(2 x, x y): its forward mode returns two tangents, or `tangents`."""

    name = "doubled"

    def __init__(self, tangents=None):
        self.tangents = tangents

    def forward(self, parameters, inputs, constants):
        x, y = inputs
        return {"a": 2 * x, "b": x * y}

    def jvp(self, parameters, inputs, directions, constants):
        (x, y), (d, e) = inputs, directions
        return {"none": None, "one": [2 * d]}.get(self.tangents, [2 * d, d * y + x * e])


def test_forward_mode_is_a_map_of_directions_to_tangents_like_the_output():
    x, d = X
    y, push = Doubled().linearized(None, (x, x + 1), {})
    assert np.array_equal(y["b"], x * (x + 1))
    tangent = push([d, 3 * d])
    assert np.array_equal(tangent["a"], 2 * d) and np.array_equal(tangent["b"], d * (x + 1) + x * 3 * d)
    assert len(Doubled("one").linearized(None, (x, x), {})[1]([d, d])) == 1, "what is not like y is told by others"
    with pytest.raises(TypeError, match=r"^gradcheck: doubled must have forward mode, got none$"):
        Doubled("none").linearized(None, (x, x), {})[1]([d, d])


def test_a_number_of_pythons_has_one_tangent():
    class Sum(Doubled):
        def forward(self, parameters, inputs, constants):
            return float(inputs[0].sum())

        def jvp(self, parameters, inputs, directions, constants):
            return [np.asarray(directions[0].sum())]

    assert Sum().linearized(None, (X,), {})[1]([X]) == X.sum()


def test_a_subject_is_enclosed_as_it_is():
    subject = Doubled()
    assert subject.enclosed(lambda inner: (inner,)) == (subject,)


def test_a_subject_is_called_with_complex_arrays_unless_it_says_otherwise():
    class Sine(Adapted):
        def vjp(self, parameters, inputs, constants):
            (x,) = inputs
            return np.sin(x), lambda dy: (None, (dy * np.cos(x),))

    class Real(Sine):
        complex_safe = False

    told = ["by complex step" in str(gradcheck.check(subject, X)) for subject in (Sine(), Real())]
    assert told == [True, False]
