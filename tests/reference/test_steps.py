"""Step by step as at once: every layer with `step`, of every example and option, gives what one forward pass gives."""

import dataclasses
import itertools

import numpy as np
import pytest
from dispatched import move
from strict import numbers

from reference.core import tree
from reference.core.cache import reorder, rewind, walk
from reference.core.families import DecoderOnlySettings
from reference.core.masks import causal, padding
from reference.job import catalogue
from reference.layers.attention import MultiHeadAttention, SelfAttention
from reference.layers.cache import KeyValueCache
from reference.layers.grouped_attention import GroupedAttention
from reference.layers.layernorm import LayerNorm
from reference.layers.learned import LearnedPositions
from reference.layers.mixture import MixtureOfExperts
from reference.layers.relative import RelativePositions
from reference.layers.residual import PostNorm, PreNorm
from reference.layers.rotary import Rotary
from reference.layers.sinusoidal import SinusoidalPositions
from reference.models.decoder import Decoder, DecoderBlock
from reference.models.decoder_only import DecoderOnly
from reference.models.encoder import Block, Stack
from reference.models.encoder_decoder import EncoderDecoder
from reference.models.relative_stack import RelativeStack
from reference.models.tied import TiedTransformer
from reference.models.tied_decoder_only import TiedDecoderOnly
from reference.models.transformer import Transformer

B, T, S, V = 3, 7, 5, 7
STARTS = np.array([0, 2, 6])  # rows of 7, 5 and 1
CUTS = [(1,) * T, (T,), (3, 4), (2, 1, 3, 1), (1, 6), (6, 1), (5, 1, 1)]
TOLERANCE = {"rtol": 0, "atol": 1e-12}  # float64: sums of some ten terms of size 1, in another order


def generic(rng, layer):
    return tree.map(lambda p: p + rng.normal(scale=0.4, size=p.shape), layer.astype(np.float64))


class Case:
    """A layer that steps, all that its caches are made of, and its forward pass of positions x, of rows `b`."""

    def __init__(self, layer, x, forward, memory=(), **masks):
        self.layer, self.x, self.forward, self.memory, self.masks = layer, x, forward, memory, masks

    def cache(self, batch=B, room=T, **options):
        return self.layer.cache(batch, room, *self.memory, **self.masks, **options)

    def at_once(self, x, rows=slice(None)):
        memory = tuple(z[rows] for z in self.memory)
        masks = {name: mask[rows] for name, mask in self.masks.items()}
        y = self.forward(x[rows], *memory, **masks)
        return y[0] if isinstance(y, tuple) else y

    def stepped(self, cuts, cache=None, x=None):
        x, cache, at, out = self.x if x is None else x, cache or self.cache(), 0, []
        for more in cuts:
            out.append(self.layer.step(x[:, at : at + more], cache))
            at += more
        return np.concatenate(out, axis=1)


def embedded(rng, layer, width):
    return Case(layer, rng.normal(size=(B, T, width)), lambda x: layer(x, mask=causal(x.shape[1])))


def over_memory(rng, layer, width, forward, name):
    memory = rng.normal(size=(B, S, width))
    return Case(layer, rng.normal(size=(B, T, width)), forward, (memory,), **{name: padding(np.array([5, 3, 1]), S)})


def of_ids(rng, model):
    """Models from ids to logits, of any size of vocabulary at least V."""
    ids = rng.integers(V, size=(B, T))
    if not hasattr(model, "encode"):
        return Case(model, ids, lambda tokens: model(tokens=tokens))
    mask = padding(np.array([5, 3, 1]), S)
    memory = model.encode(source=rng.integers(V, size=(B, S)), source_mask=mask)
    memory = memory[0] if isinstance(memory, tuple) else memory
    forward = lambda target, memory, source_mask: model.decode(memory, target=target, source_mask=source_mask)  # noqa: E731
    return Case(model, ids, forward, (memory,), source_mask=mask)


def is_cross(layer):
    return isinstance(layer, MultiHeadAttention) and not isinstance(layer, SelfAttention)


def case_of(rng, layer):
    """Return the case of a layer of an example."""
    match layer:
        case DecoderOnly() | TiedDecoderOnly() | Transformer() | TiedTransformer():
            if isinstance(getattr(layer, "positions", None), LearnedPositions):
                table = rng.normal(size=(T, layer.positions.table.shape[1]))  # of the example it is shorter
                layer = dataclasses.replace(layer, positions=LearnedPositions(table))
            return of_ids(rng, layer)
        case EncoderDecoder():
            forward = lambda x, memory, source_mask: layer.decode(memory, x, source_mask=source_mask)  # noqa: E731
            return over_memory(rng, layer, 8, forward, "source_mask")
        case RelativeStack() if isinstance(layer.stack, Stack):
            return None  # an encoder, of which every position sees all
        case RelativeStack():
            forward = lambda x, memory, memory_mask: layer(x, memory, memory_mask=memory_mask)  # noqa: E731
            return over_memory(rng, layer, 6, forward, "memory_mask")
        case Decoder() | DecoderBlock():
            forward = lambda x, memory, memory_mask: layer(  # noqa: E731
                x, memory, mask=causal(x.shape[1]), memory_mask=memory_mask
            )
            return over_memory(rng, layer, 8, forward, "memory_mask")
        case Stack() | Block() | SelfAttention():
            return embedded(rng, layer, 8)
        case MultiHeadAttention():
            return over_memory(rng, layer, 8, lambda x, memory, mask: layer(x, memory, mask=mask), "mask")
        case GroupedAttention() if layer.causal:
            return Case(layer, rng.normal(size=(B, T, layer.query.w.shape[0])), layer)
        case LearnedPositions() | SinusoidalPositions():
            width = layer.table.shape[1] if isinstance(layer, LearnedPositions) else 5
            layer = layer if isinstance(layer, SinusoidalPositions) else LearnedPositions(rng.normal(size=(T, width)))
            return Case(layer, rng.normal(size=(B, T, width)), layer)
        case PreNorm() | PostNorm():
            if isinstance(layer.inner, SelfAttention):
                return embedded(rng, layer, 8)
            if isinstance(layer.inner, MultiHeadAttention):
                return over_memory(rng, layer, 8, lambda x, memory, mask: layer(x, memory, mask=mask), "mask")
            return Case(layer, rng.normal(size=(B, T, 8)), layer)
    return None


def cases():
    """Yield (name, case): of every example that steps, of every option of attention, and of mixtures."""
    rng = np.random.default_rng(20261126)
    for example in catalogue.examples():
        if hasattr(example.subject, "step"):
            found = case_of(rng, example.subject)
            if found is not None:
                yield f"{example.module}: {example.name}", found
    flags, windows = (False, True), (None, 1, 3, 20)
    options = itertools.product((4, 2, 1), flags, (None, Rotary()), flags, windows, (None, 1.5))
    for groups, norm, rotary, alibi, window, cap in options:
        given = {"qk_norm": norm, "rotary": rotary, "alibi": alibi, "window": window, "cap": cap, "bias": groups == 2}
        layer = generic(rng, GroupedAttention.init(rng, 6, 4, groups, head_width=4, **given))
        name = ", ".join(f"{k} {v}" for k, v in given.items() if v)
        yield f"{groups} groups, {name}", Case(layer, rng.normal(size=(B, T, 6)), layer)
    own = Rotary(speeds=(1.0, 0.2))
    for rotary in (Rotary(interleaved=True), Rotary(width=2), Rotary(width=2, interleaved=True), own):
        layer = generic(rng, GroupedAttention.init(rng, 6, 4, 2, head_width=4, rotary=rotary, window=3))
        yield f"2 groups, {rotary}, window 3", Case(layer, rng.normal(size=(B, T, 6)), layer)
    for groups, window in itertools.product((4, 2), (None, 3)):
        layer = GroupedAttention.init(rng, 6, 4, groups, head_width=4, window=window)
        relative = RelativePositions(rng.normal(size=(6, 4)), both=False, far=5)
        layer = generic(rng, dataclasses.replace(layer, relative=relative, scale=1.0))
        yield f"relative, {groups} groups, window {window}", Case(layer, rng.normal(size=(B, T, 6)), layer)
    for positions, window in itertools.product(("learned", "sinusoidal", "rotary", "alibi", "none"), (None, 3)):
        given = {"length": T, "width": 8, "heads": 4, "key_value_heads": 2, "hidden": 6, "positions": positions}
        settings = DecoderOnlySettings(vocabulary=V, **given, window=window, layers=2)
        model = generic(rng, DecoderOnly.init(rng, settings))
        yield f"models.decoder_only: {positions}, window {window}", of_ids(rng, model)
        yield f"models.tied_decoder_only: {positions}, window {window}", of_ids(rng, TiedDecoderOnly.tie(model))
    mixture = PreNorm(LayerNorm.init(8), MixtureOfExperts.init(rng, 8, 3, experts=3, k=2))
    block = Block(PreNorm(LayerNorm.init(8), SelfAttention.init(rng, 8, 4)), mixture)
    yield "a mixture", embedded(rng, generic(rng, Stack((block,), None)), 8)


CASES = dict(cases())
MODELS = {name: case for name, case in CASES.items() if name.startswith("models.")}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
every_model = pytest.mark.parametrize("case", MODELS.values(), ids=MODELS)


def test_every_layer_that_steps_is_tried():
    kinds = {type(example.subject) for example in catalogue.examples() if hasattr(example.subject, "step")}
    assert kinds == {type(case.layer) for case in CASES.values()}
    assert {"DecoderOnly", "TiedDecoderOnly", "Transformer", "TiedTransformer"} <= {kind.__name__ for kind in kinds}


@every_case
def test_steps_equal_one_forward_pass_at_every_step_and_in_any_chunks(case):
    y = case.at_once(case.x)
    for cuts in CUTS:
        np.testing.assert_allclose(case.stepped(cuts), y, **TOLERANCE)


@every_case
def test_each_row_of_its_own_length_is_as_if_alone(case):
    if is_cross(getattr(case.layer, "inner", case.layer)):
        return  # a query of a memory stands at no position
    for cuts in CUTS:
        y = case.stepped(cuts, case.cache(starts=STARTS))
        for b, start in enumerate(STARTS):
            alone = case.at_once(case.x[:, start:], slice(b, b + 1))
            np.testing.assert_allclose(y[b : b + 1, start:], alone, **TOLERANCE)


@every_case
def test_steps_run_on_strict_arrays_bit_for_bit(case):
    layer, x, memory, masks = (move(z) for z in (case.layer, case.x, case.memory, case.masks))
    cache = layer.cache(B, T, *memory, **masks)
    bare = case.cache()
    at = 0
    for more in (3, 1, 1, 2):
        y = layer.step(x[:, at : at + more], cache)
        z = case.layer.step(case.x[:, at : at + more], bare)
        np.testing.assert_allclose(numbers(y), z, **TOLERANCE)  # the layout of products differs
        at += more


@every_model
def test_rows_of_different_length_run_on_strict_arrays(case):
    layer, x, memory, masks = (move(z) for z in (case.layer, case.x, case.memory, case.masks))
    cache = layer.cache(B, T, *memory, starts=move(STARTS), **masks)
    y = np.concatenate([layer.step(x[:, :4], cache), layer.step(x[:, 4:5], cache)], axis=1)
    np.testing.assert_allclose(numbers(y), case.stepped((4, 1), case.cache(starts=STARTS)), **TOLERANCE)


@every_model
def test_float32_stays_and_is_that_of_float64_rounded(case):
    layer, memory = case.layer.astype(np.float32), tuple(z.astype(np.float32) for z in case.memory)
    x = case.x if case.x.dtype.kind == "i" else case.x.astype(np.float32)
    single = Case(layer, x, None, memory, **case.masks)
    y = single.stepped((2, 1, 1, 3))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, case.stepped((T,)), rtol=1e-4, atol=1e-4)  # a hundred roundings, outputs to 10


@every_model
def test_rows_go_on_from_the_rows_that_they_are_told(case):
    rows = np.array([2, 2, 0])
    cache = case.cache()
    case.layer.step(case.x[:, :4], cache)
    reorder(cache, rows)
    y = case.layer.step(case.x[rows, 4:], cache)
    np.testing.assert_allclose(y, case.at_once(case.x)[rows, 4:], **TOLERANCE)


@every_model
def test_what_was_only_proposed_is_forgotten(case):
    cache = case.cache()
    if any(isinstance(part, KeyValueCache) and part.ring < T for part in walk(cache)):
        case.layer.step(case.x[:, :5], cache)
        with pytest.raises(ValueError, match=r"^rewind: length must be 5, since a ring has given others up, got 4$"):
            rewind(cache, 4)
        return
    case.layer.step(case.x[:, :3], cache)
    case.layer.step(np.flip(case.x, axis=1)[:, :3], cache)
    rewind(cache, 3)
    np.testing.assert_allclose(case.layer.step(case.x[:, 3:], cache), case.at_once(case.x)[:, 3:], **TOLERANCE)


READY = [example for example in catalogue.examples() if hasattr(example.subject, "ready")]


@pytest.mark.parametrize("example", READY, ids=[f"{e.module}: {e.name}" for e in READY])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_made_ready_is_the_forward_pass(example, dtype):
    layer = example.subject.astype(dtype)
    inputs = [x.astype(dtype) for x in example.inputs] or list(example.constants.values())
    y = layer.ready()(*inputs)
    z = layer(*inputs) if example.inputs else layer(**example.constants)
    z = z[0] if isinstance(z, tuple) else z  # a balance is not of a position
    assert y.dtype == dtype
    tolerance = 1e-12 if dtype == np.float64 else 1e-4  # of some ten products, of outputs up to 100
    np.testing.assert_allclose(y, z, rtol=tolerance, atol=tolerance)  # of its dtype
