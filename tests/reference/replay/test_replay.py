import threading
from typing import Any

import numpy as np
import pytest

from reference.core import tree
from reference.core.layer import Layer
from reference.functions.relu import relu_vjp
from reference.job import catalogue
from reference.layers.feedforward import FeedForward
from reference.layers.linear import Linear
from reference.replay import replay
from reference.replay.replay import PROVED, REFUSED, replayed

EXAMPLES = [e for e in catalogue.examples() if "rng" not in e.constants]
STAGES = 3  # batches until the calls are made again


class Held(Layer):
    """A subject and what it is called with, as one layer."""

    subject: Any
    inputs: tuple


def gradient(held, arrays, *constants):
    """Map what a subject is given to the sum of what it returns, and the gradient where that is also the cotangent."""
    y, pullback = getattr(held.subject, "vjp", held.subject)(*held.inputs, **arrays, **dict(constants))
    number = sum(part.sum() for part in (y if isinstance(y, tuple) else (y,)))
    d = pullback(y)
    d = d if isinstance(d, tuple) else (d,)
    if isinstance(held.subject, Layer):
        return number, Held(d[0], d[1:])
    return number, Held(held.subject, d)


def bits(answer):
    number, made = answer
    arrays = [np.asarray(number), *[leaf for _, leaf in tree.leaves(made)]]
    return [(array.dtype, array.shape, array.strides, array.tobytes()) for array in arrays]


def stage(gradient, layer, arrays, *constants):
    return replay._calls(replay._kind(tree.written(layer), arrays, (gradient, *constants))).stage


def moved(layer, rng):
    return tree.map(lambda p: (p + rng.normal(scale=0.1, size=p.shape)).astype(p.dtype), layer)


@pytest.fixture(autouse=True)
def forgetful():
    replay._calls.cache_clear()


@pytest.fixture
def network():
    """network(): a layer of its own numbers, and an input for it."""
    rng = np.random.default_rng(1)
    layer = Held(FeedForward.init(rng, 4, 6), (np.ones((3, 4), np.float32),))
    return lambda: moved(layer, rng)


# What an expert gets is decided by the numbers, and so is how much of a product is computed.
BY_NUMBERS = {"functions.top_k", "layers.mixture"}


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"{e.module}: {e.name}" for e in EXAMPLES])
def test_every_example_is_replayed_to_the_last_bit(rng, example):
    arrays = {name: z for name, z in example.constants.items() if z is None or isinstance(z, np.ndarray)}
    constants = [(name, z) for name, z in example.constants.items() if name not in arrays]
    held = Held(example.subject, example.inputs)
    for _ in range(STAGES + 2):
        held = moved(held, rng)
        assert bits(replayed(gradient, held, arrays, *constants)) == bits(gradient(held, arrays, *constants))
    wanted = REFUSED if example.module in BY_NUMBERS or "mixture" in example.name else PROVED
    assert stage(gradient, held, arrays, *constants) is wanted


def test_from_the_fourth_batch_on_the_layers_are_not_asked(network):
    asked = []

    def counted(held, arrays):
        asked.append(type(held.inputs[0]))
        return gradient(held, arrays)

    for _ in range(6):
        replayed(counted, network(), {})
    assert [kind is np.ndarray for kind in asked] == [True, True, False, True]


def test_nothing_that_was_there_is_written_to(network):
    for _ in range(STAGES):
        replayed(gradient, network(), {})
    held = network()
    before = bits((0, held))
    answer = replayed(gradient, held, {})
    copied = bits(answer)
    other = replayed(gradient, network(), {})
    assert bits((0, held)) == before
    assert bits(answer) == copied != bits(other)
    for (_, a), (_, b) in zip(tree.leaves(answer[1]), tree.leaves(held), strict=True):
        assert not np.may_share_memory(a, b)


def of_a_layer(layer, arrays):
    y, pullback = layer.vjp(arrays["x"])
    return y.sum(), pullback(y)[0]


def test_what_comes_is_like_the_layer_and_known_as_a_tree(rng):
    layer, x = FeedForward.init(rng, 4, 6), {"x": np.ones((3, 4), np.float32)}
    for _ in range(STAGES + 1):
        number, made = replayed(of_a_layer, layer, x)
    assert stage(of_a_layer, layer, x) is PROVED
    assert isinstance(number, np.ndarray) and number.shape == ()
    assert tree._known.get(made) is not None
    assert made.activation is relu_vjp


def halves(layer, _):
    both = np.stack([layer.w, layer.w + 1])
    return both.sum(), Linear(w=both[0], b=both[1, 0])


def test_arrays_that_lie_in_one_are_not_known_to_have_memory_of_their_own(rng):
    layer = tree.map(np.negative, Linear.init(rng, 4, 4))
    for _ in range(STAGES + 1):
        _, made = replayed(halves, layer, {})
    assert stage(halves, layer, {}) is PROVED
    assert made.w.base is made.b.base is not None
    assert tree._known.get(layer) is not None and tree._known.get(made) is None


def taken(held, arrays):
    ids = arrays["ids"]
    if ids.min() < 0:
        raise ValueError("ids must not be negative")
    (x,) = held.inputs
    seen = x[ids != 7]
    d = np.zeros_like(x)
    d[ids != 7] = seen * len(seen)
    return seen.sum(), Held(held.subject, (d,))


@pytest.mark.parametrize("ids", [[7, 7, 2, 3], [0, 1, 7, 2]], ids=["fewer", "others"])
def test_what_is_decided_by_numbers_is_looked_at_every_time(rng, ids):
    held = Held(None, (rng.normal(size=(4, 2)),))
    for usual in ([0, 1, 2, 7], [1, 7, 5, 3], [7, 1, 1, 1], [3, 4, 7, 1]):
        replayed(taken, held, {"ids": np.array(usual)})
    given = {"ids": np.array(ids)}
    assert stage(taken, held, given) is PROVED
    assert bits(replayed(taken, held, given)) == bits(taken(held, given))
    assert stage(taken, held, given) is (PROVED if ids.count(7) == 1 else REFUSED)


def test_a_mistake_is_told_by_the_layers(rng):
    held = Held(None, (rng.normal(size=(4, 2)),))
    for _ in range(STAGES + 1):
        replayed(taken, held, {"ids": np.arange(4)})
    with pytest.raises(ValueError, match="ids must not be negative"):
        replayed(taken, held, {"ids": np.arange(4) - 1})


def hidden(held, arrays):
    (x,) = held.inputs
    return x.sum(), Held(held.subject, (x * np.array(x, copy=True, subok=False),))  # NumPy asks nobody about np.array


def rounded(held, arrays):
    (x,) = held.inputs
    return x.sum(), Held(held.subject, (x * float(x[0, 0]),))


def sorted_out(held, arrays):
    (x,) = held.inputs
    return x.sum(), Held(held.subject, (x[np.flatnonzero(x[:, 0] > -np.inf)],))


def into_another(held, arrays):
    (x,) = held.inputs
    return x.sum(), Held(held.subject, (np.add(x, x, out=np.empty(x.shape)),))


def smaller(held, arrays):
    (x,) = held.inputs
    return x.sum(), Held(held.subject, (x[1:],))


@pytest.mark.parametrize("gradient", [hidden, rounded, sorted_out, into_another, smaller])
def test_what_cannot_be_noted_is_never_replayed(rng, gradient):
    for _ in range(STAGES + 2):
        held = Held(None, (rng.normal(size=(4, 2)),))
        assert bits(replayed(gradient, held, {})) == bits(gradient(held, {}))
    assert stage(gradient, held, {}) is REFUSED


def turned(layer):
    return tree.map(lambda p: p.T.copy().T if p.ndim == 2 else p, layer)


def longer(layer):
    return Held(layer.subject, (np.ones((5, 4), np.float32),))


def wider(layer):
    return layer.astype(float)


@pytest.mark.parametrize("change", [turned, longer, wider])
def test_batches_of_another_kind_are_begun_anew(network, change):
    for _ in range(STAGES + 1):
        replayed(gradient, network(), {})
    other = change(network())
    assert stage(gradient, other, {}) is not PROVED
    assert bits(replayed(gradient, other, {})) == bits(gradient(other, {}))


@pytest.mark.parametrize(("one", "other"), [(1.0, 1), (0.0, -0.0), (True, 1)])
def test_constants_that_are_equal_and_not_the_same_are_of_two_kinds(network, one, other):
    flat = tree.written(network())
    assert replay._kind(flat, {}, (one,)) != replay._kind(flat, {}, (other,))


def test_arrays_of_others_and_lists_among_the_constants_are_left_to_the_layers(network):
    held = network()
    flat = tree.written(held)
    there = tree.map(lambda p: p.view(np.memmap), held)
    assert replay._kind(tree.written(there), {}, ()) is None
    assert replay._kind(flat, {"ids": [1, 2]}, ()) is None
    assert replay._kind(flat, {}, ([1, 2],)) is None
    assert replay._kind(flat, {"mask": None}, (1,)) is not None


def test_threads_have_the_same_bits(network):
    cases = [network() for _ in range(24)]
    wanted, got = [bits(gradient(held, {})) for held in cases], {}

    def work(first):
        for k in range(first, len(cases), 4):
            got[k] = bits(replayed(gradient, cases[k], {}))

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [got[k] for k in range(len(cases))] == wanted


def test_a_linear_map_alone_is_replayed(rng):
    held = Held(Linear.init(rng, 3, 2), (np.ones((4, 3), np.float32),))
    for _ in range(STAGES + 1):
        replayed(gradient, held, {})
    assert stage(gradient, held, {}) is PROVED
