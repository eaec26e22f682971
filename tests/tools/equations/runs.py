"""What a module is run on: its own examples, and calls that reach what these do not."""

from dataclasses import replace

import numpy as np
import optimizers
from equations.capture import instrumented

from reference.core.families import ClassifierSettings, DecoderOnlySettings, EncoderOnlySettings, TransformerSettings
from reference.core.layer import Layer
from reference.functions.softmax import softmax
from reference.layers.grouped_attention import GroupedAttention
from reference.layers.linear import Linear
from reference.layers.relative import RelativePositions
from reference.models.decoder_only import DecoderOnly
from reference.models.transformer import Transformer


def runs(name, seed=0):
    """Yield (name of the example, subject, module, events) for every example of a module."""
    reported, rng = instrumented(name), np.random.default_rng(seed)
    if hasattr(reported.module, "examples"):
        for example, subject, inputs, constants in reported.module.examples(rng):
            yield example, subject, reported, reported.run(subject, inputs, constants, rng)
    for example, subject, call in OTHER.get(name, lambda module, rng: ())(reported.module, rng):
        reported.report.events.clear()
        with np.errstate(all="ignore"):
            call()
        yield example, subject, reported, list(reported.report.events)


def slopes(module, rng):
    for heads in (4, 6, 12):
        yield f"{heads} heads", None, lambda heads=heads: module.alibi_slopes(heads)
    ids = np.array([[0, 1, 2, 0, 4]])
    yield "position ids", None, lambda: module.alibi_bias(rng.random(3), position_ids=ids)


def chosen(module, rng):
    yield "2 of 5", None, lambda: module.top_k(rng.normal(size=(3, 5)), k=2)
    yield "3 of 6, of which several are equal", None, lambda: module.top_k(rng.integers(3, size=(4, 6)) * 1.0, k=3)


def blocks(module, rng):
    state = module.OnlineSoftmax.start(3, 4, np.float64)

    def all_of_them():
        running = module.OnlineSoftmax.start(3, 4, np.float64)
        for block in range(3):
            scores = rng.normal(size=(3, 5))
            scores[0] = scores[1, not block :] = -np.inf  # nothing, and one key of the first block
            scores[2] -= 9
            running = running.absorb(scores, rng.normal(size=(5, 4)), rng.random((3, 5)) if block else None)
        running.mean()
        running.logsumexp()

    yield "three blocks", state, all_of_them


def steps(module, rng):
    def layer():
        return Linear(w=rng.normal(size=(3, 2)), b=rng.normal(size=2))

    def gradient():
        return replace(layer(), b=np.array([0.0, rng.normal()]))  # one number that has no gradient

    def three_steps(optimizer):
        model, state = layer(), optimizer.init(layer())
        for _ in range(3):
            model, state = optimizer.step(model, gradient(), state, 0.01)

    for name, optimizer in optimizers.variants(module):
        yield f"{name}, three steps", optimizer, lambda optimizer=optimizer: three_steps(optimizer)
        for constant in ("eps", "eps1"):  # down to 1e-30, which no float beside it sees
            if hasattr(optimizer, constant):
                seen = replace(optimizer, **{constant: 0.01})
                yield f"{name}, {constant} 0.01, three steps", seen, lambda seen=seen: three_steps(seen)


def rates(module, rng):
    schedules = {
        "constant": module.constant(0.2),
        "linear": module.linear(0.5, 0.1, 10),
        "cosine": module.cosine(0.5, 0.1, 10),
        "inverse square root": module.inverse_square_root(0.5, 4),
        "warm-up": module.warm_up(0.1, 4, module.cosine(0.5, 0.2, 6)),
        "step decay": module.step_decay(0.5, 0.3, 3),
        "one cycle": module.one_cycle(0.1, 0.5, 0.2, 3, 10),
        "warm-up, stable, decay": module.warmup_stable_decay(0.1, 0.5, 0.2, 2, 4, 10),
    }
    for name, schedule in schedules.items():
        for step in range(12):
            yield f"{name}, step {step}", None, lambda schedule=schedule, step=step: schedule(step)


def clipped(module, rng):
    for name, scale in (("long gradients", 3.0), ("short gradients", 1e-3)):
        g = 2.0 * scale * rng.normal(size=(3, 2)), scale * rng.normal(size=5)
        yield name, None, lambda g=g: (module.clip_by_norm(g, 1.5), module.clip_by_value(g, 1.5))


def added_up(module, rng):
    def three_parts():
        total = module.begin(np.zeros(5))
        for weight in (3, 1, 7):
            total = module.add(total, rng.normal(size=5), weight)
        module.mean(total)

    yield "three parts", None, three_parts


def averaged(module, rng):
    for beta in (0.9, 1.0):
        average = module.Average(beta)

        def three_models(average=average):
            state = average.init(rng.normal(size=5))
            for _ in range(3):
                state = average.add(rng.normal(size=5), state)

        yield f"beta {beta}", average, three_models


def hidden_row(module, rng):
    scores = rng.normal(size=(3, 5))
    scores[1] = scores[2, 1:] = -np.inf
    dp = rng.normal(size=(3, 5))
    name = module.__name__.removesuffix("_reported").rpartition(".")[2]
    d = dp[:, 0] if name == "logsumexp" else dp
    yield "a row that sees nothing, and one that sees one", None, lambda: getattr(module, f"{name}_vjp")(scores)[1](d)


def one_key(module, rng):
    q, k, v = rng.normal(size=(3, 1, 2, 3, 2))
    yield "causal, of which the first query sees one key", None, lambda: module.blockwise_vjp(q, k, v, causal=True)


def one_position(module, rng):
    """A loss of which one position counts: its mean is divided by 1."""
    logits, target = rng.normal(size=(2, 1, 4))
    name = module.__name__.removesuffix("_reported").rpartition(".")[2]
    given = {
        "cross_entropy": {"targets": np.array([2])},
        "kl_divergence": {"target_logits": target},
        "mean_squared_error": {"target": target[0, :1]},
        "soft_cross_entropy": {"targets": target * target},
    }[name]
    inputs = logits[0, :1] if name == "mean_squared_error" else logits
    yield "one position", None, lambda: getattr(module, f"{name}_vjp")(inputs, **given)[1](1.5)


def rare(module, rng):
    """Weights of the targets that add up to less than 1, and to nothing."""
    logits, targets = rng.normal(size=(2, 4)), np.array([2, 1])
    for case, weights in {"small weights": [0.3, 0.2, 0.1, 2.0], "targets of no weight": [0.3, 0.0, 0.0, 2.0]}.items():
        given = {"targets": targets, "weights": np.array(weights)}
        yield case, None, lambda given=given: module.weighted_cross_entropy_vjp(logits, **given)[1](1.5)


class Talkative(Layer):
    """A model of tokens (B, T) with an auxiliary output."""

    table: np.ndarray  # (V, D)

    def vjp(self, *, tokens):
        y, count = self.table[tokens], np.asarray((self.table * self.table).sum())

        def pullback(cotangents):
            dy, dcount = cotangents
            hits = (tokens.ravel()[:, None] == np.arange(len(self.table))).astype(float)
            return (self.cotangent(table=hits.T @ dy.reshape(-1, dy.shape[-1]) + 2 * dcount * self.table),)

        return (y, count), pullback


def with_auxiliary(module, rng):
    """A loss of a model that has an auxiliary output."""
    kind = next(getattr(module, name) for name in ("Objective", "Distillation", "Regression") if hasattr(module, name))
    tokens, model = rng.integers(5, size=(2, 3)), Talkative(rng.normal(size=(5, 5)))
    given = {"labels": rng.normal(size=(2, 3, 5)) if kind.__name__ == "Regression" else rng.integers(5, size=(2, 3))}
    settings = {"model": model, "balance": 0.3}
    if kind.__name__ == "Distillation":
        given["teacher_logits"] = rng.normal(size=(2, 3, 5))
        settings |= {"temperature": 2.5, "share": 0.4}
    subject = kind(**settings)
    yield "an auxiliary output", subject, lambda: subject.vjp(tokens=tokens, **given)[1](1.5)


def ring(module, rng):
    """Six steps of a ring of four, of rows of which one begins later; then with all options."""
    for options in ({}, {"alibi": True, "cap": 1.5}):
        layer = GroupedAttention.init(rng, 6, 4, 2, head_width=3, window=4, dtype=np.float64, **options)
        if options:
            buckets = RelativePositions(rng.normal(size=(4, 4)), both=False, far=3)
            layer = replace(layer, relative=buckets, scale=0.7)

        def steps(layer=layer):
            cache = module.KeyValueCache(layer, 2, 9, np.array([0, 3]))
            for _ in range(6):
                module.attend_to_cache(rng.normal(size=(2, 1, 4, 3)), *rng.normal(size=(2, 2, 1, 2, 3)), cache)

        yield f"six steps, {len(options)} options", layer, steps


def sampled(module, rng):
    logits, said = 2 * rng.normal(size=(3, 6)), rng.random((3, 6)) < 0.5
    logits[0, :2] = -np.inf
    logits[1, 2] = logits[1, 4]

    def everything():
        for temperature in (0, 0.7):
            module.temper(logits, temperature)
        for p in (0.2, 0.8):
            module.keep_top_p(logits, p)
            module.keep_min_p(logits, p)
        module.keep_top_k(logits, 3)
        module.penalize(logits, said, 1.7)
        module.bias_logits(logits, rng.normal(size=6))
        module.ban(logits, (1, 4))
        module.draw(logits, rng)

    yield "every function", None, everything


def searched(module, rng):
    settings = DecoderOnlySettings(vocabulary=5, length=9, width=8, heads=2, layers=1)
    model = DecoderOnly.init(rng, settings, np.float64)
    given = {"length": 4, "beams": 3, "end": 1, "penalty": 0.7}
    yield "four steps of three beams", None, lambda: module.beam_search(model, [[2, 3]], **given)


def proposed(module, rng):
    p, q = softmax(rng.normal(size=(2, 4, 5)))

    def judged():
        module.leftover(p[0], q[0])
        module.accepted(p, q, rng.integers(5, size=4), rng.random(4))

    yield "four tokens of five", None, judged


def decoding(module, rng):
    model = Transformer.init(rng, TransformerSettings(vocabulary=6, width=8, heads=2, hidden=5), np.float64)
    source = rng.integers(6, size=(2, 4))
    yield "three tokens", None, lambda: module.greedy(model, source, start=0, length=3)
    settings = DecoderOnlySettings(vocabulary=6, length=9, width=8, heads=2, layers=1)
    alone = DecoderOnly.init(rng, settings, np.float64)
    yield "three tokens of a decoder alone", None, lambda: module.greedy(alone, source, start=5, length=3)
    ends = tuple(module.greedy(model, source, start=0, length=4)[:, 1].tolist())  # what two rows say, not at once
    yield "four tokens, or up to an end", None, lambda: module.greedy(model, source, start=0, length=4, end=ends[:1])
    yield "teacher-forced", None, lambda: module.teacher_forced(model, source, rng.integers(6, size=(2, 3)))


def counted(module, rng):
    """Every family with options that change its counts, on two sequences of different lengths."""
    one = {"vocabulary": 11, "length": 14, "width": 12, "heads": 6, "layers": 3}
    two = {"vocabulary": 11, "width": 12, "heads": 3, "hidden": 7, "encoder_layers": 2, "decoder_layers": 3}
    families = {
        "two stacks, pre-norm": TransformerSettings(**two),
        "two stacks, one table, post-norm": TransformerSettings(**two, embeddings="tied", norm="post"),
        "like GPT-2": DecoderOnlySettings.gpt(**one, embeddings="tied", window=5),
        "like Llama": DecoderOnlySettings.llama(**one, key_value_heads=2, hidden=7),
        "encoder, post-norm": EncoderOnlySettings(**one, hidden=7),
        "encoder, pre-norm": EncoderOnlySettings(**one, hidden=7, norm="pre"),
        "classifier": ClassifierSettings(**one, hidden=7, classes=5),
    }
    for name, settings in families.items():
        for function in ("parameters", "training", "residuals", "state", "cache"):
            if hasattr(module, function) and (function != "cache" or "like" in name):
                given = {"training": (5, 7), "residuals": (5, 7), "state": (2,), "cache": (20,)}.get(function, ())
                yield f"{function}, {name}", None, lambda f=function, s=settings, g=given: getattr(module, f)(s, *g)


def lawful(module, rng):
    law = module.Law(E=1.69, A=406.4, B=410.7, a=0.34, b=0.28)
    n, d = (z.ravel() for z in np.meshgrid([1e5, 1e6, 1e7], [1e6, 1e7, 1e8]))
    yield "the law", law, lambda: law.loss(n, d)
    yield "its optimum", law, lambda: law.optimum(1e13)
    noisy = law.loss(n, d) * np.exp(0.02 * rng.normal(size=9))
    yield "a fit", None, lambda: module.projected(n / 1e6, d / 1e7, noisy, 0.01, 0.4, 0.2)


def intervals(module, rng):
    law = module.Law(E=1.69, A=406.4, B=410.7, a=0.34, b=0.28)
    n, d = (z.ravel() for z in np.meshgrid([1e5, 1e6, 1e7], [1e6, 1e7, 1e8]))
    noisy = law.loss(n, d) * np.exp(0.02 * rng.normal(size=9))
    yield "two refits", None, lambda: module.refits(n, d, noisy, law, rng=rng, count=2).loss(3e7, 3e8)


OTHER = {
    "reference.scaling.flops": counted,
    "reference.scaling.interval": intervals,
    "reference.scaling.law": lawful,
    "reference.scaling.memory": counted,
    "reference.scaling.parameters": counted,
    "reference.generation.speculative": proposed,
    "reference.generation.beam": searched,
    "reference.generation.sampling": sampled,
    "reference.layers.cache": ring,
    "reference.models.objective": with_auxiliary,
    "reference.models.distillation": with_auxiliary,
    "reference.models.regression": with_auxiliary,
    "reference.generation.greedy": decoding,
    "reference.functions.blockwise": one_key,
    "reference.functions.softmax": hidden_row,
    "reference.functions.log_softmax": hidden_row,
    "reference.functions.logsumexp": hidden_row,
    "reference.losses.cross_entropy": one_position,
    "reference.losses.kl_divergence": one_position,
    "reference.losses.mean_squared_error": one_position,
    "reference.losses.soft_cross_entropy": one_position,
    "reference.losses.weighted_cross_entropy": rare,
    "reference.functions.alibi": slopes,
    "reference.functions.top_k": chosen,
    "reference.functions.online_softmax": blocks,
    "reference.optimizers.accumulation": added_up,
    "reference.optimizers.average": averaged,
    "reference.optimizers.clipping": clipped,
    "reference.optimizers.schedules": rates,
} | {module.__name__: steps for module in optimizers.modules()}
