"""Every example of every module, and everything that makes a layer, with one thing exchanged for what is no such thing.

It is refused in one line that begins with the name of a layer or function, before a generator moves
and without a write to what was given; or what came is allowed there, and there is an answer.
"""

import copy
import dataclasses
import importlib
import inspect
import re
import typing
import zlib

import numpy as np
import pytest

from reference.core import tree
from reference.core.families import (
    BlockSettings,
    DecoderOnlySettings,
    EncoderDecoderSettings,
    EncoderOnlySettings,
    TransformerSettings,
)
from reference.core.kinds import Finite, kind_of
from reference.core.layer import Layer
from reference.job import catalogue
from reference.layers.dropout import Dropout
from reference.layers.layernorm import LayerNorm
from reference.layers.linear import Linear
from reference.layers.mixture import MixtureOfExperts
from reference.layers.residual import PreNorm

TRIES = 60  # of each example: a few of each kind of place and of each kind of value
EXAMPLES = list(catalogue.examples())

every_example = pytest.mark.parametrize("example", EXAMPLES, ids=[f"{e.module}: {e.name}" for e in EXAMPLES])


def like(old):
    """The array that stands there, or any."""
    return old if isinstance(old, np.ndarray) else np.arange(6.0).reshape(2, 3)


# name: (old value, generator) -> what comes in its place
VALUES = {
    "nothing": lambda old, rng: None,
    "a whole number": lambda old, rng: 3,
    "a negative number": lambda old, rng: -1,
    "a flag": lambda old, rng: True,
    "a number": lambda old, rng: 1.5,
    "no number": lambda old, rng: float("nan"),
    "infinity": lambda old, rng: -np.inf,
    "a complex number": lambda old, rng: 1j,
    "a number of 31 digits": lambda old, rng: 10**30,
    "a number of 401 digits": lambda old, rng: 10**400,
    "a number of NumPy": lambda old, rng: np.float32(0.5),
    "a number of few bits": lambda old, rng: np.float16(0.4),
    "a time": lambda old, rng: np.timedelta64(1, "s"),
    "no time": lambda old, rng: np.timedelta64("NaT"),
    "a word": lambda old, rng: "no",
    "a long word": lambda old, rng: "no" * 2500,
    "bytes": lambda old, rng: b"\0",
    "a list": lambda old, rng: [1, 5],
    "a ragged list": lambda old, rng: [[1.0], [2.0, 3.0]],
    "a list of it": lambda old, rng: [old],
    "it as a list": lambda old, rng: old.tolist() if isinstance(old, np.ndarray) else list(old or ()),
    "a tuple": lambda old, rng: (),
    "a tuple of numbers": lambda old, rng: (1.0, 2.0),
    "a dictionary": lambda old, rng: {"w": old},
    "an object": lambda old, rng: object(),
    "a function": lambda old, rng: len,
    "a class": lambda old, rng: LayerNorm,
    "a range": lambda old, rng: range(3),
    "a generator": lambda old, rng: np.random.default_rng(0),
    "an old generator": lambda old, rng: np.random.RandomState(0),
    "a bit generator": lambda old, rng: np.random.PCG64(0),
    "a matrix": lambda old, rng: np.ones((1, 2)).view(np.matrix),
    "a masked array": lambda old, rng: np.ma.masked_array(like(old), np.ones(like(old).shape, bool)),
    "an array of objects": lambda old, rng: like(old).astype(object),
    "an array of words": lambda old, rng: np.full(like(old).shape, "no"),
    "an array of whole numbers": lambda old, rng: np.ones(like(old).shape, np.int8),
    "an array of large numbers": lambda old, rng: np.full(like(old).shape, 2**64 - 1, np.uint64),
    "an array of flags": lambda old, rng: np.ones(like(old).shape, bool),
    "an array of days": lambda old, rng: np.zeros(like(old).shape, "datetime64[D]"),
    "an array of fractions": lambda old, rng: like(old) / 2,
    "an array without axes": lambda old, rng: np.asarray(like(old).ravel()[0]),
    "an array without entries": lambda old, rng: like(old)[:0],
    "an axis more": lambda old, rng: like(old)[None],
    "an axis fewer": lambda old, rng: like(old).sum(axis=-1),
    "a last axis of 1": lambda old, rng: like(old)[..., :1],
    "a first axis of 1": lambda old, rng: like(old)[:1],
    "a last axis that is longer": lambda old, rng: np.concatenate([like(old)] * 2, axis=-1),
    "a norm": lambda old, rng: LayerNorm.init(8, np.float64),
    "a map": lambda old, rng: Linear.init(np.random.default_rng(0), 8, 1, np.float64),
    "a mixture": lambda old, rng: MixtureOfExperts.init(np.random.default_rng(0), 8, 3, 2, 1, np.float64),
    "a residual": lambda old, rng: PreNorm(LayerNorm.init(8), Dropout(0.5)),
    "a dropout": lambda old, rng: Dropout(0.5),
}


def drawn(value, old, rng):
    """None where the old value does not have what the new one is made of."""
    try:
        return VALUES[value](old, rng), True
    except (IndexError, TypeError, ValueError):
        return None, False


def places(example):
    """Yield (path, old value): each input, each constant, each field at any depth."""
    for i, old in enumerate(example.inputs):
        yield ("input", i), old
    for name, old in example.constants.items():
        yield ("constant", name), old
    if isinstance(example.subject, Layer):
        for path, old in fields(example.subject, ()):
            yield ("field", *path), old


def fields(node, path):
    for step, child in steps(node):
        yield (*path, step), child
        yield from fields(child, (*path, step))


def steps(node):
    if isinstance(node, tuple):
        yield from enumerate(node)
    elif isinstance(node, Layer):
        yield from ((field.name, getattr(node, field.name)) for field in dataclasses.fields(node))


def exchanged(node, path, new):
    """Make the layer anew, as a person does, with `new` at the path."""
    if not path:
        return new
    inner = dict(steps(node))
    inner[path[0]] = exchanged(inner[path[0]], path[1:], new)
    return tuple(inner.values()) if isinstance(node, tuple) else type(node)(**inner)


def run(example, place, new, constants):
    """Call the example, and its pullback, with one thing exchanged."""
    where, *path = place
    subject, inputs = example.subject, list(example.inputs)
    if where == "input":
        inputs[path[0]] = new
    elif where == "constant":
        constants[path[0]] = new
    else:
        subject = exchanged(subject, path, new)
    y, pullback = getattr(subject, "vjp", subject)(*inputs, **constants)
    return y, pullback(tree.map(np.ones_like, tree_of(y)))


def tree_of(y):
    return tuple(map(tree_of, y)) if isinstance(y, tuple) else np.asarray(y)


def locked(example):
    """The example with arrays that cannot be written to."""

    def lock(array):
        array = array.view()
        array.flags.writeable = False
        return array

    subject = tree.map(lock, example.subject) if isinstance(example.subject, Layer) else example.subject
    constants = {name: lock(old) if isinstance(old, np.ndarray) else old for name, old in example.constants.items()}
    return dataclasses.replace(example, subject=subject, inputs=tuple(map(lock, example.inputs)), constants=constants)


def refusal(call, *arguments, **options):
    """Return the error of a call, None where there is an answer."""
    try:
        with np.errstate(all="ignore"):
            call(*arguments, **options)
    except Exception as error:
        return error


def expect_one_line(given, error, names):
    """The message is one line and begins with the name of something that was called."""
    shown = f"{given}: {type(error).__name__}: {error}"
    assert isinstance(error, TypeError | ValueError), shown
    assert "\n" not in str(error) and len(str(error)) < 400, shown
    begins = re.match(r"(\w+)(\.\w+)?(\(\))?(:| missing| got| takes)", str(error))
    assert begins and begins[1] in names, shown


def names_of(subject):
    if isinstance(subject, Layer):
        return KNOWN
    return KNOWN | {subject.__name__.removesuffix("_vjp")}


def classes():
    """Yield every class of layer that a module of the mathematics defines."""
    for room in catalogue.modules():
        module = importlib.import_module(f"reference.{room}")
        for found in vars(module).values():
            if inspect.isclass(found) and issubclass(found, Layer) and found.__module__ == module.__name__:
                yield found


CLASSES = list(classes())
FUNCTIONS = {"softmax", "attend", "blockwise", "alibi", "top_k", "gelu"}
LOSSES = {"cross_entropy", "kl_divergence", "mean_squared_error"}
KNOWN = {kind.__name__ for kind in CLASSES} | FUNCTIONS | LOSSES


def states(values):
    return [value.bit_generator.state for value in values if isinstance(value, np.random.Generator)]


@every_example
def test_what_is_no_such_thing_is_refused_in_one_line_before_a_generator_moves(example):
    rng = np.random.default_rng(zlib.crc32(f"{example.module}: {example.name}".encode()))
    example = locked(example)
    tried = [(place, old, value) for place, old in places(example) for value in VALUES]
    for i in rng.permutation(len(tried))[:TRIES]:
        place, old, value = tried[i]
        new, there = drawn(value, old, rng)
        if not there:
            continue
        constants = copy.deepcopy(example.constants)
        generators, given = tuple(constants.values()), f"{value} for {place}"
        before = states(generators)
        error = refusal(run, example, place, new, constants)
        if error is None:
            assert allowed(example, place, old, new), f"{given}: was taken"
            continue
        expect_one_line(given, error, names_of(example.subject))
        if place != ("constant", "rng"):
            assert states(generators) == before, f"{given}: the generator moved ({error})"


PLACED = [e for e in EXAMPLES if "position_ids" in inspect.signature(getattr(e.subject, "vjp", e.subject)).parameters]


@pytest.mark.parametrize("example", PLACED, ids=[f"{e.module}: {e.name}" for e in PLACED])
def test_positions_that_are_none_are_refused_even_where_no_part_goes_by_them(example):
    for new in ("no", object(), np.full((9, 9), -5.5), np.array([[-1]]), [0, 1]):
        error = refusal(run, example, ("constant", "position_ids"), new, copy.deepcopy(example.constants))
        assert error is not None, f"{new!r} was taken"
        expect_one_line(repr(new), error, names_of(example.subject))


def allowed(example, place, old, new):
    """Whether `new` may stand there: a value of the kind that its annotation says, or an array like the old one."""
    where, *path = place
    if where == "field":
        *way, name = path
        node = example.subject
        for step in way:
            node = node[step] if isinstance(node, tuple) else getattr(node, step)
        if isinstance(node, tuple):
            return isinstance(new, Layer) if isinstance(old, Layer) else holds(kind_of(Finite), new)
        kind = kind_of(typing.get_type_hints(type(node), include_extras=True)[name])
        return kind is None or holds(kind, new)
    if isinstance(old, np.ndarray) and isinstance(new, np.ndarray):
        return old.dtype.kind == new.dtype.kind or {old.dtype.kind, new.dtype.kind} <= set("iu")
    function = getattr(example.subject, "vjp", example.subject)
    parameter = inspect.signature(function).parameters.get(path[0] if where == "constant" else "")
    if parameter is None:
        return new is None or (isinstance(new, np.random.Generator) and isinstance(old, np.random.Generator))
    kind = kind_of(typing.get_type_hints(function, include_extras=True)[parameter.name])
    return kind is None or holds(kind, new)


def holds(kind, new):
    try:
        kind.check("", "", new)
    except (TypeError, ValueError):
        return False
    return True


SIZES = {"width": 8, "heads": 2, "hidden": 4}
SETTINGS = {  # of whatever is made from settings, by the name of its class
    "DecoderOnly": DecoderOnlySettings(**SIZES, vocabulary=7, length=6),
    "EncoderOnly": EncoderOnlySettings(**SIZES, vocabulary=7, length=6),
    "TiedDecoderOnly": DecoderOnlySettings(**SIZES, vocabulary=7, length=6, embeddings="tied"),
    "TiedTransformer": TransformerSettings(**SIZES, vocabulary=7, embeddings="tied"),
    "Transformer": TransformerSettings(**SIZES, vocabulary=7),
    "EncoderDecoder": EncoderDecoderSettings(**SIZES),
}
USUAL = {"width": 8, "heads": 2, "vocabulary": 7, "length": 6, "layers": 1, "experts": 3, "k": 2, "key_value_heads": 1}


def makers():
    for kind in CLASSES:
        for name, _ in inspect.getmembers(kind, inspect.ismethod):
            if "rng" in inspect.signature(getattr(kind, name)).parameters or name == "init":
                yield kind, name


@pytest.mark.parametrize(("kind", "name"), list(makers()), ids=lambda part: getattr(part, "__name__", part))
def test_what_makes_a_layer_refuses_in_one_line_before_it_draws(kind, name):
    make = getattr(kind, name)
    hints = typing.get_type_hints(make, include_extras=True)
    usual = {}
    for parameter in inspect.signature(make).parameters.values():
        if parameter.default is not parameter.empty:
            usual[parameter.name] = parameter.default
        elif parameter.name == "settings":
            usual["settings"] = SETTINGS.get(kind.__name__, BlockSettings(**SIZES))
        elif parameter.name == "activation":
            usual["activation"] = lambda x: (x, lambda dy: dy)
        else:
            usual[parameter.name] = USUAL.get(parameter.name, 4)
    for parameter, value in ((parameter, value) for parameter in usual for value in VALUES):
        rng = np.random.default_rng(0)
        given = usual | ({"rng": rng} if "rng" in usual else {})
        new, there = drawn(value, given[parameter], rng)
        if not there:
            continue
        error = refusal(make, **given | {parameter: new})
        if error is None:
            assert holds(kind_of(hints[parameter]), new), f"{value} for {parameter}: was taken"
            continue
        expect_one_line(f"{value} for {parameter}", error, {kind.__name__})
        assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state, f"{value} for {parameter}"
