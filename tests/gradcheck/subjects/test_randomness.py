"""What is drawn from the global generators is the same in every evaluation, and nobody outside sees that it was."""

import concurrent.futures
import random

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import cached, module
from gradcheck.subjects.randomness import MEMORY, NOTHING, PROBES, Draws

X = np.random.default_rng(1).normal(size=(3, 4))


def numpy_mask(x):
    return np.random.rand(*x.shape) < 0.6  # noqa: NPY002


def python_mask(x):
    return np.array([random.random() < 0.6 for _ in range(x.size)]).reshape(x.shape)


def seeded_mask(x):
    np.random.seed(3)  # noqa: NPY002
    return numpy_mask(x)


class Dropout:
    """The mask of the forward pass, or with `again` one that is drawn anew on the way back."""

    def __init__(self, mask, again=False):
        self.mask, self.again = mask, again

    def forward(self, x):
        self.x, self.kept = x, self.mask(x)
        return np.sin(x) * self.kept

    def backward(self, dy):
        return np.cos(self.x) * dy * (self.mask(self.x) if self.again else self.kept)

    def vjp(self, x):
        kept = self.mask(x)
        return np.sin(x) * kept, lambda dy: (np.cos(x) * dy * (self.mask(x) if self.again else kept),)

    def with_cache(self, x):
        return np.sin(x) * (kept := self.mask(x)), (x, kept)

    def of_cache(self, dy, cache):
        x, kept = cache
        return np.cos(x) * dy * (self.mask(x) if self.again else kept)


SUBJECTS = {
    "vjp": lambda layer: layer,
    "function": lambda layer: lambda x: (lambda y, pull: (y, lambda dy: pull(dy)[0]))(*layer.vjp(x)),
    "cached": lambda layer: cached(layer.with_cache, layer.of_cache),
    "module": module,
}


def states():
    return repr(np.random.get_state()), random.getstate()  # noqa: NPY002


@pytest.mark.parametrize("kind", SUBJECTS)
@pytest.mark.parametrize("mask", [numpy_mask, python_mask, seeded_mask])
def test_a_mask_from_a_global_generator_is_replayed_and_the_generator_left_alone(kind, mask):
    before = states()
    report = gradcheck.check(SUBJECTS[kind](Dropout(mask)), X)
    assert report.verdict == "pass", str(report)
    assert states() == before


@pytest.mark.parametrize("kind", SUBJECTS)
@pytest.mark.parametrize("mask", [numpy_mask, python_mask])
def test_a_mask_that_is_drawn_anew_on_the_way_back_is_caught(kind, mask):
    assert gradcheck.check(SUBJECTS[kind](Dropout(mask, again=True)), X).verdict == "fail"


def test_a_mask_that_is_by_chance_the_same_at_first_is_caught_at_a_later_call():
    drops = Dropout(lambda x: np.random.rand(*x.shape) < 0.9, again=True)  # noqa: NPY002  (the same: 9 in 100)
    verdicts = []
    state = np.random.get_state()  # noqa: NPY002
    for seed in range(20):
        np.random.seed(seed)  # noqa: NPY002
        verdicts.append(gradcheck.check(drops, X).verdict)
    np.random.set_state(state)  # noqa: NPY002
    assert verdicts == ["fail"] * 20


def test_the_mask_is_the_one_that_the_users_next_call_draws():
    seen = []

    def forward(x):
        seen.append(kept := numpy_mask(x))
        return x * kept, lambda dy: dy * kept

    gradcheck.check(forward, X)
    forward(X)
    assert all((kept == seen[-1]).all() for kept in seen if kept.shape == X.shape)


def test_threads_wait_for_each_other():
    before = states()
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        report = gradcheck.Checker(workers=threads.map)(Dropout(numpy_mask), X)
    assert report.verdict == "pass", str(report)
    assert states() == before


def test_processes_replay_the_same_numbers():
    reports = [gradcheck.Checker(workers=workers)(Dropout(numpy_mask), X) for workers in (1, 2)]
    assert str(reports[0]) == str(reports[1])


def test_a_subject_that_draws_nothing_is_watched_for_a_few_calls_only(monkeypatch):
    looks = []
    monkeypatch.setattr("gradcheck.subjects.randomness.look", lambda: looks.append(1) or ({"state": 0}, 0))
    gradcheck.check(lambda x: (np.sin(x), lambda dy: np.cos(x) * dy), X)
    assert len(looks) <= 4 * PROBES


@pytest.mark.parametrize("draw", [random.random, np.random.rand])
def test_twelve_calls_are_watched_and_after_a_draw_every_one(draw):
    silent, late = Draws(), Draws()
    for call in range(12):
        assert silent.replayed() is not NOTHING
        with silent.replayed():
            pass
        with late.replayed():
            drawn = draw() if call == 11 else None
    assert not silent.drawn and silent.replayed() is NOTHING
    assert late.drawn and late.replayed() is not NOTHING
    with late.replayed():
        assert draw() == drawn, "from where the check began"


DRAWS = [  # of the global generators
    lambda numpy: numpy.rand(),
    lambda numpy: numpy.randn(),
    lambda numpy: numpy.randint(2),
    lambda numpy: numpy.shuffle([1, 2]),
    lambda numpy: numpy.bytes(1),
    lambda numpy: numpy.seed(1),
    lambda _: random.random(),
    lambda _: random.gauss(),
]


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("draw", DRAWS)
def test_every_draw_is_seen_and_taken_back_also_where_a_normal_number_is_kept(draw, kept):
    numpy = np.random.mtrand
    numpy.seed(0)
    if kept:
        numpy.randn()  # makes two, and keeps one for the next call
    before, draws = states(), Draws()
    with draws.replayed():
        draw(numpy)
    assert draws.drawn
    assert states() == before


def test_draws_of_another_bit_generator_are_seen():
    numpy = np.random.mtrand
    before = numpy.get_bit_generator()
    numpy.set_bit_generator(np.random.PCG64(0))
    try:
        draws = Draws()
        with draws.replayed():
            numpy.rand()
    finally:
        numpy.set_bit_generator(before)
    assert draws.drawn


def test_an_error_leaves_the_generator_alone_too():
    def breaks(x):
        numpy_mask(x)
        raise RuntimeError("inside")

    before = states()
    with pytest.raises(RuntimeError, match="inside"):
        gradcheck.check(breaks, X)
    assert states() == before


@pytest.mark.parametrize("draw", [random.random, np.random.rand])
def test_a_pullback_draws_what_comes_after_its_forward_pass_and_at_each_call_what_comes_next(draw):
    draws, before = Draws(), states()
    with draws.replayed():
        forward, pull = draw(), draws.continuing(lambda dy: (dy, draw()))
    found = [forward, *(pull(k) for k in (1, 2))]
    assert states() == before, "they are left alone"
    with draws.replayed():
        first, second, third = (draw() for _ in range(3))
    assert found == [first, (1, second), (2, third)]


def test_once_a_subject_is_watched_no_more_its_pullbacks_are_called_as_they_are(monkeypatch):
    def pullback(dy):
        return 2 * dy

    silent = Draws()
    with silent.replayed():
        early = silent.continuing(pullback)
    for _ in range(PROBES - 1):
        assert early is not pullback and silent.replayed() is not NOTHING
        with silent.replayed():
            pass
    for name in ("look", "_memory"):
        monkeypatch.setattr(f"gradcheck.subjects.randomness.{name}", lambda *_: pytest.fail("looked at"))
    assert silent.continuing(pullback) is pullback and early(3) == 6 and silent.calls == PROBES


def test_the_memory_of_a_generator_is_its_words_and_which_is_next():
    assert np.random.MT19937().state["state"]["key"].nbytes + 4 == MEMORY
