"""A language model of text and the same one in PyTorch: sizes, data in the same order, initial weights and rates."""

from collections import deque

import numpy as np
from gpt import GPT, optimizer, step

from reference.training.loop import data, train
from reference.training.settings import Run
from reference.training.state import begin

STEPS = 200


def test_losses_of_two_hundred_steps_are_those_of_pytorch():
    run = Run.of({"task": "text", "depth": 2, "steps": STEPS, "epochs": 1})
    model = begin(run).model.astype(np.float64)
    training, held_out = data(run)
    (last,) = deque(train(run, begin(run, model), training, held_out), maxlen=1)

    module, rate, batch = GPT(model), run.training.schedule_of(STEPS), run.training.batch
    adamw, losses = optimizer(module, run.training), []
    order = training.order(np.random.Generator(_bits(run)), STEPS * batch)
    for k in range(STEPS):
        rows = training[order[k * batch : (k + 1) * batch]]
        losses.append(step(module, adamw, rate(k), rows.target, rows.labels).item())
    # both in double precision: each step carries the roundings of all before it, which grow a hundredfold or more
    np.testing.assert_allclose(last.losses, losses, rtol=0, atol=1e-6)
    assert np.mean(losses[-20:]) < np.mean(losses[:20]) - 0.5  # it has learned something by then


def _bits(run):
    bits = np.random.PCG64()
    bits.state = begin(run).random
    return bits
