"""On the corpus balls say nothing that is not true: no right gradient differs, and no wrong one is proved."""

import sys
from pathlib import Path

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.exact.prove import prove
from gradcheck.numeric.points import generic
from gradcheck.subjects.problem import Problem

sys.path.insert(0, str(Path(__file__).parent))
import wrong_layers_loader as layers
from corpus_loader import load

CASES = [case for case in load() if not case.contract]  # of a broken contract no number is compared
FILES = [*layers.files("wrong_layers"), *layers.files("wrong_layers_held_out")]
RIGHT = [path for path in FILES if layers.has_right_ones(path)]  # whose bugs can be switched off
FOLLOWED = 0.9  # of all gradients, at least


def answers(case):
    return said(case.vjp or pair(case.forward, case.backward), case.inputs)


def said(subject, inputs):
    """What balls say of each input, at a generic point and at its own."""
    problem = Problem(subject, inputs, {})
    own = [leaf.value.astype(float) for leaf in problem.leaves]
    near = [generic(x, np.random.default_rng(0)) for x in own]
    return prove(problem, [near, own], 0)[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_answer_is_true(case):
    for i, answer in enumerate(answers(case)):
        assert answer.answer != "differs" or i in case.wrong_inputs, answer
        assert not answer.is_proof or i not in case.wrong_inputs, answer


@pytest.mark.parametrize("path", RIGHT, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_layer_without_its_bug_differs(path):
    for layer in layers.load(path, bug=False):
        found = said(layer.subject, layer.inputs)
        assert found and all(answer.answer != "differs" for answer in found), (layer.name, found)


def test_most_are_followed():
    found = [answer for case in CASES[::7] for answer in answers(case)]
    assert sum(a.answer != "not followed" for a in found) > FOLLOWED * len(found)
