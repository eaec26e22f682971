"""The paths of every optimiser that torch.optim has, the rates of its schedulers, its clipping and its averages."""

import numpy as np
import pytest
import torch
from trajectories import CLOSE, STEPS, data, gradient, moves, ours

from reference.core.groups import everything
from reference.layers.linear import Linear
from reference.optimizers import schedules
from reference.optimizers.adafactor import Adafactor
from reference.optimizers.adagrad import Adagrad
from reference.optimizers.adam import Adam
from reference.optimizers.adamw import AdamW
from reference.optimizers.amsgrad import AMSGrad
from reference.optimizers.average import Average
from reference.optimizers.clipping import clip_by_norm, clip_by_value
from reference.optimizers.momentum import Momentum
from reference.optimizers.muon import Muon
from reference.optimizers.nadam import NAdam
from reference.optimizers.rmsprop import RMSprop
from reference.optimizers.sgd import SGD

ALL = {"decayed": everything}
SAME = {
    "SGD": (SGD(), torch.optim.SGD, {}),
    "momentum": (Momentum(0.9), torch.optim.SGD, {"momentum": 0.9}),
    "Nesterov": (Momentum(0.9, nesterov=True), torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "momentum, decay": (Momentum(decay=0.1, **ALL), torch.optim.SGD, {"momentum": 0.9, "weight_decay": 0.1}),
    "Nesterov, decay": (
        Momentum(0.8, nesterov=True, decay=0.1, **ALL),
        torch.optim.SGD,
        {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
    ),
    "Adagrad": (Adagrad(), torch.optim.Adagrad, {}),
    "RMSprop": (RMSprop(), torch.optim.RMSprop, {}),
    "RMSprop, beta 0.9": (RMSprop(0.9, 1e-3), torch.optim.RMSprop, {"alpha": 0.9, "eps": 1e-3}),
    "Adam": (Adam(), torch.optim.Adam, {}),
    "Adam, decay": (Adam(0.8, 0.95, 1e-3, 0.1, everything), torch.optim.Adam,
                    {"betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    "AdamW": (AdamW(**ALL), torch.optim.AdamW, {}),
    "AdamW, decay 0.3": (AdamW(decay=0.3, **ALL), torch.optim.AdamW, {"weight_decay": 0.3}),
    "AMSGrad": (AMSGrad(), torch.optim.Adam, {"amsgrad": True}),
    "AMSGrad, beta 0.9": (AMSGrad(0.8, 0.9), torch.optim.Adam, {"amsgrad": True, "betas": (0.8, 0.9)}),
    "NAdam": (NAdam(), torch.optim.NAdam, {}),
    "NAdam, fast": (NAdam(0.8, 0.95, rise=0.5), torch.optim.NAdam, {"betas": (0.8, 0.95), "momentum_decay": 0.5}),
}  # fmt: skip
RATE = 0.05


@pytest.fixture(autouse=True)
def double():
    """Also of the numbers that torch keeps beside the arrays: the product of momenta is float32 elsewhere."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def tensors(model):
    return [torch.tensor(array, dtype=torch.float64) for array in (model.w, model.b)]


def arrays(parameters):
    return Linear(*(p.detach().numpy() for p in parameters))


def nothing(parameters):
    """Between the gradient and the step, or after it."""


def theirs(kind, rate, change=nothing, after=nothing, scheduler=None, chosen=slice(None), **settings):
    """Return the numbers after each step of torch's; only those `chosen` of weight and bias are stepped."""
    model, x, y = data()
    parameters = [torch.nn.Parameter(tensor) for tensor in tensors(model)]
    optimizer, made = kind(parameters[chosen], lr=rate, **settings), []
    schedule = scheduler and scheduler(optimizer)
    for step in range(STEPS):
        d_model = gradient(arrays(parameters), x, y, step)
        for parameter, g in zip(parameters, tensors(d_model), strict=True):
            parameter.grad = g
        change(parameters)
        optimizer.step()
        after(parameters)
        if schedule:
            schedule.step()
        made.append(np.concatenate([p.detach().numpy().ravel() for p in parameters]).copy())
    return np.array(made)


@pytest.mark.parametrize(("optimizer", "kind", "settings"), SAME.values(), ids=SAME)
def test_fifty_steps_are_those_of_torch(optimizer, kind, settings):
    path = ours(optimizer, RATE)
    np.testing.assert_allclose(path, theirs(kind, RATE, **settings), **CLOSE)
    assert moves(path) > 1e-3


def test_a_constant_that_is_another_is_seen():
    path = theirs(torch.optim.Adam, RATE)
    for other in (Adam(eps=1.01e-8), Adam(beta1=0.9001), Adam(beta2=0.99901), Adam(decay=1e-6, **ALL)):
        assert np.abs(ours(other, RATE) - path).max() > 10 * CLOSE["atol"]


def test_adafactor_is_that_of_torch():
    """Within its smallest numbers: torch limits the mean of squares from below, where the paper adds to each square."""
    path = ours(Adafactor(), RATE)
    np.testing.assert_allclose(path, theirs(torch.optim.Adafactor, RATE), **CLOSE)
    assert moves(path) > 1e-3


class WeightsAlone(Muon):
    """A Muon that leaves the bias where it is."""

    def step(self, model, d_model, state, rate):
        after, state = super().step(model, d_model, state, rate)
        return Linear(after.w, model.b.copy()), state


def test_muon_is_that_of_torch(monkeypatch):
    """In double precision: torch iterates in bfloat16 unless it is kept from it.  The bias, which it refuses, stays."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda tensor: tensor.clone())
    settings = {"weight_decay": 0.1, "adjust_lr_fn": "match_rms_adamw"}
    path = ours(WeightsAlone(decay=0.1), RATE)
    np.testing.assert_allclose(path, theirs(torch.optim.Muon, RATE, chosen=slice(1), **settings), **CLOSE)
    assert moves(path[:, :12]) > 1e-3


# Clipping, averages


def test_clipping_by_norm_is_that_of_torch_but_for_its_addend():
    """Torch divides by the norm and 1e-6: the largest norm is chosen so that the quotient is ours."""
    model, x, y = data()
    for step in range(STEPS):
        d_model = gradient(model, x, y, step)
        parameters = [torch.nn.Parameter(tensor) for tensor in tensors(model)]
        for parameter, g in zip(parameters, tensors(d_model), strict=True):
            parameter.grad = g
        clipped, norm = clip_by_norm(d_model, 0.3)
        total = torch.nn.utils.clip_grad_norm_(parameters, 0.3 * (norm + 1e-6) / norm)
        np.testing.assert_allclose(norm, float(total), rtol=1e-14, atol=0)
        if norm > 0.3:
            for parameter, g in zip(parameters, tensors(clipped), strict=True):
                np.testing.assert_allclose(parameter.grad, g, rtol=1e-13, atol=1e-16)


def test_clipping_by_value_is_that_of_torch():
    path = ours(Momentum(), RATE, lambda model, d_model: clip_by_value(d_model, 0.1))
    clip = lambda parameters: torch.nn.utils.clip_grad_value_(parameters, 0.1)  # noqa: E731
    np.testing.assert_allclose(path, theirs(torch.optim.SGD, RATE, clip, momentum=0.9), **CLOSE)
    assert np.abs(path - ours(Momentum(), RATE)).max() > 0.01


def test_the_mean_of_all_models_is_that_of_torch():
    averaged = []

    def after(parameters):
        if not averaged:
            averaged.append(torch.optim.swa_utils.AveragedModel(torch.nn.ParameterList(parameters)))
        averaged[0].update_parameters(torch.nn.ParameterList(parameters))

    path = theirs(torch.optim.SGD, RATE, after=after)
    average, state = Average(1.0), Average(1.0).init(path[0])
    for model in path:
        state = average.add(model, state)
    found = np.concatenate([p.detach().numpy().ravel() for p in averaged[0].module])
    np.testing.assert_allclose(state.a, found, **CLOSE)


# Schedules

SCHEDULERS = torch.optim.lr_scheduler
SCHEDULES = {
    "linear": (
        schedules.linear(0.1, 0.01, STEPS),
        lambda o: SCHEDULERS.LinearLR(o, start_factor=1.0, end_factor=0.1, total_iters=STEPS - 1),
    ),
    "cosine": (
        schedules.cosine(0.1, 0.01, STEPS),
        lambda o: SCHEDULERS.CosineAnnealingLR(o, T_max=STEPS - 1, eta_min=0.01),
    ),
    "step decay": (schedules.step_decay(0.1, 0.5, 7), lambda o: SCHEDULERS.StepLR(o, step_size=7, gamma=0.5)),
    "one cycle": (
        schedules.one_cycle(0.1 / 25, 0.1, 0.1 / 25e4, 14, STEPS),
        lambda o: SCHEDULERS.OneCycleLR(o, 0.1, total_steps=STEPS, pct_start=15 / STEPS, cycle_momentum=False),
    ),
    "inverse square root": (
        schedules.inverse_square_root(0.1, 9),
        lambda o: SCHEDULERS.LambdaLR(o, lambda t: 3 * min((t + 1) ** -0.5, (t + 1) * 9**-1.5)),
    ),
    "warm-up, cosine": (
        schedules.warm_up(0.01, 10, schedules.cosine(0.1, 0.0, STEPS - 10)),
        lambda o: SCHEDULERS.SequentialLR(
            o,
            [
                SCHEDULERS.LinearLR(o, start_factor=0.1, total_iters=10),
                SCHEDULERS.CosineAnnealingLR(o, T_max=STEPS - 11),
            ],
            milestones=[10],
        ),
    ),
}


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning")  # SequentialLR calls it so
@pytest.mark.parametrize(("schedule", "scheduler"), SCHEDULES.values(), ids=SCHEDULES)
def test_rates_are_those_of_torch(schedule, scheduler):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))], lr=0.1)
    theirs, found = scheduler(optimizer), []
    for _ in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    np.testing.assert_allclose([schedule(t) for t in range(STEPS)], found, rtol=1e-12, atol=1e-16)


def test_fifty_steps_along_a_schedule_are_those_of_torch():
    schedule, scheduler = SCHEDULES["cosine"]
    path = ours(AdamW(**ALL), schedule)
    np.testing.assert_allclose(path, theirs(torch.optim.AdamW, 0.1, scheduler=scheduler), **CLOSE)
    assert np.abs(path - ours(AdamW(**ALL), 0.1)).max() > 0.01
