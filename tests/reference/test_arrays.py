"""No line of mathematics says where it runs: all of it runs on strict arrays, bit for bit as on NumPy's."""

import importlib
import inspect
import pkgutil

import dispatched
import numpy as np
import pytest
from dispatched import constants, move, run
from strict import Strict, numbers

from reference.core import tree
from reference.job import catalogue

EXAMPLES = list(catalogue.examples())
TRANSFORMERS = [e for e in EXAMPLES if hasattr(e.subject, "decode") and "source" in e.constants]
GENERATION = {
    "greedy": {"start": 1, "length": 5},
    "teacher_forced": {"target": np.array([[1, 0, 2], [1, 5, 6]])},
}  # fmt: skip

every_example = pytest.mark.parametrize("example", EXAMPLES, ids=[f"{e.module}: {e.name}" for e in EXAMPLES])


def arrays(node):
    """Return every array, and every number of NumPy's, that stands in layers and tuples."""
    if isinstance(node, tuple):
        return [array for entry in node for array in arrays(entry)]
    if tree.is_layer(node):
        return [array for name in tree.field_names(node) for array in arrays(getattr(node, name))]
    return [node] if isinstance(node, np.ndarray | np.generic | Strict) else []


def expect_same_bits(strict, bare):
    strict, bare = arrays(strict), arrays(bare)
    assert len(strict) == len(bare) > 0
    for s, b in zip(map(numbers, strict), map(np.asarray, bare), strict=True):
        assert (s.dtype, s.shape, s.tobytes()) == (b.dtype, b.shape, b.tobytes())


def public(room):
    """Return what the modules of a room define under names of their own: (name, thing)."""
    package, found = importlib.import_module(f"reference.{room}"), {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"reference.{room}.{info.name}")
        own = {name: v for name, v in vars(module).items() if getattr(v, "__module__", "") == module.__name__}
        found |= {name: v for name, v in own.items() if not name.startswith("_")}
    return found


OPTIMIZERS = {name: kind for name, kind in public("optimizers").items() if {"init", "step"} <= set(dir(kind))}


@pytest.mark.usefixtures("one_order")
@every_example
def test_every_example_runs_on_strict_arrays_bit_for_bit(example):
    y, pullback, dy = run(example)
    y_strict, pullback_strict, dy_strict = run(example, move)
    expect_same_bits(y_strict, y)
    if arrays(pullback(dy)) or arrays(pullback_strict(dy_strict)):
        expect_same_bits(pullback_strict(dy_strict), pullback(dy))


@every_example
def test_every_forward_pass_alone_runs_on_strict_arrays_bit_for_bit(example):
    forward = lambda subject: subject  # noqa: E731
    if not hasattr(example.subject, "vjp"):  # a function: softmax beside softmax_vjp
        module = importlib.import_module(f"reference.{example.module}")
        forward = lambda subject: getattr(module, subject.__name__.removesuffix("_vjp"))  # noqa: E731
    y = forward(example.subject)(*example.inputs, **constants(example))
    y_strict = forward(move(example.subject))(*move(tuple(example.inputs)), **move(constants(example)))
    expect_same_bits(y_strict, y)


def test_there_are_optimizers():
    assert {"Adam", "SGD"} <= set(OPTIMIZERS)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_every_optimizer_runs_on_strict_arrays_bit_for_bit(optimizer, rng):
    model = TRANSFORMERS[0].subject
    gradients = [tree.map(lambda p: rng.normal(size=p.shape), model) for _ in range(3)]

    def after(where):
        step, now = optimizer().step, where(model)
        state = optimizer().init(now)
        for gradient in gradients:
            now, state = step(now, where(gradient), state, 0.01)
        return now, state

    expect_same_bits(after(move), after(lambda node: node))


def test_every_generation_is_tried():
    functions = {name: value for name, value in public("generation").items() if inspect.isfunction(value)}
    named = {name: list(inspect.signature(value).parameters) for name, value in functions.items()}
    assert {name for name, parameters in named.items() if parameters[:2] == ["model", "source"]} == set(GENERATION)


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(example, id=f"{example.module}: {example.name}")
        for example in TRANSFORMERS
        if "memory_mask" not in example.constants  # a row is answered whole: several sources are several rows
    ],
)
@pytest.mark.parametrize("name", GENERATION)
def test_every_generation_runs_on_strict_arrays_bit_for_bit(name, example):
    generate, mask = public("generation")[name], example.constants.get("source_mask")
    given = {"source": example.constants["source"], "source_mask": mask, **GENERATION[name]}
    expect_same_bits(generate(move(example.subject), **move(given)), generate(example.subject, **given))


def test_the_guide_lists_what_is_called():
    assert dispatched.parse(dispatched.PAGE.read_text(encoding="utf-8")) == dispatched.render(dispatched.called())


@pytest.mark.parametrize(
    ("example", "name"),
    [
        pytest.param(example, name, id=f"{example.module}: {example.name}: {name}")
        for example in EXAMPLES
        for name, value in example.constants.items()
        if isinstance(value, np.ndarray)
    ],
)
def test_a_bare_constant_beside_strict_arrays_is_one_line_that_says_what_moves_it(example, name):
    subject, inputs = move(example.subject), move(tuple(example.inputs))
    given = move(constants(example)) | {name: example.constants[name]}
    kinds = r"of type strict\.Strict as the arrays beside it, got numpy\.ndarray"
    with pytest.raises(TypeError, match=rf"^\w+: \w+ must be {kinds}; np\.asarray\(\w+, like=\.\.\.\) moves it$"):
        getattr(subject, "vjp", subject)(*inputs, **given)


@pytest.mark.parametrize(
    ("example", "name"),
    [
        pytest.param(example, name, id=f"{example.module}: {example.name}: {name}")
        for example in EXAMPLES
        for name in ("labels", "teacher_logits", "counts")
        if name in example.constants
    ],
)
def test_what_only_a_loss_takes_is_refused_before_the_model_runs(example, name):
    given = move(constants(example)) | {name: example.constants[name]}
    where = type(example.subject).__name__
    with pytest.raises(TypeError, match=rf"^{where}: {name} must be of type strict\.Strict as "):
        move(example.subject).vjp(**given)


@pytest.mark.parametrize("example", TRANSFORMERS, ids=[f"{e.module}: {e.name}" for e in TRANSFORMERS])
def test_ids_moved_beside_a_model_that_was_not_are_one_line(example):
    with pytest.raises(TypeError, match=r"^\w+: ids must be of type numpy\.ndarray as .* got strict\.Strict$"):
        example.subject.vjp(**move(constants(example)))
