"""What a module is run on: its own examples, and calls that reach what these do not."""

import numpy as np
from equations.capture import instrumented

from reference.layers.linear import Linear


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
    optimizer = module.Adam() if hasattr(module, "Adam") else module.SGD()

    def layer():
        return Linear(w=rng.normal(size=(3, 2)), b=rng.normal(size=2))

    def three_steps():
        model, state = layer(), optimizer.init(layer())
        for _ in range(3):
            model, state = optimizer.step(model, layer(), state, 0.01)

    yield "three steps", optimizer, three_steps


def rates(module, rng):
    for step in (0, 3, 8, 9, 10):
        yield f"step {step}", None, lambda step=step: (module.linear(0.5, 0.1, 10)(step), module.constant(0.2)(step))


def hidden_row(module, rng):
    scores = rng.normal(size=(3, 5))
    scores[1] = -np.inf
    yield "a row that sees nothing", None, lambda: module.softmax_vjp(scores)[1](rng.normal(size=(3, 5)))


def one_position(module, rng):
    """A loss of which one position counts: its mean is divided by 1."""
    logits, target = rng.normal(size=(2, 1, 4))
    name = module.__name__.removesuffix("_reported").rpartition(".")[2]
    given = {
        "cross_entropy": {"targets": np.array([2])},
        "kl_divergence": {"target_logits": target},
        "mean_squared_error": {"target": target[0, :1]},
    }[name]
    inputs = logits[0, :1] if name == "mean_squared_error" else logits
    yield "one position", None, lambda: getattr(module, f"{name}_vjp")(inputs, **given)[1](1.5)


OTHER = {
    "reference.functions.softmax": hidden_row,
    "reference.losses.cross_entropy": one_position,
    "reference.losses.kl_divergence": one_position,
    "reference.losses.mean_squared_error": one_position,
    "reference.functions.alibi": slopes,
    "reference.functions.top_k": chosen,
    "reference.functions.online_softmax": blocks,
    "reference.optimizers.adam": steps,
    "reference.optimizers.sgd": steps,
    "reference.optimizers.schedules": rates,
}
