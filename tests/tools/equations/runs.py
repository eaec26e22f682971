"""What a module is run on: its own examples; for one that has none, calls that reach each of its cited lines."""

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


def blocks(module, rng):
    state = module.OnlineSoftmax.start(3, 4, np.float64)

    def all_of_them():
        running = module.OnlineSoftmax.start(3, 4, np.float64)
        for block in range(3):
            scores = rng.normal(size=(3, 5))
            scores[0] = -np.inf
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
    for step in (0, 3, 9, 12):
        yield f"step {step}", None, lambda step=step: (module.linear(0.5, 0.1, 10)(step), module.constant(0.2)(step))


OTHER = {
    "reference.functions.alibi": slopes,
    "reference.functions.top_k": chosen,
    "reference.functions.online_softmax": blocks,
    "reference.optimizers.adam": steps,
    "reference.optimizers.sgd": steps,
    "reference.optimizers.schedules": rates,
}
