import dataclasses

import numpy as np
import pytest
import sized
from counted import Counted, counted, flops

from reference.functions.blockwise import LONG
from reference.scaling.flops import attention_table, forward, training
from reference.scaling.parameters import parameters

BATCH = 3


@pytest.mark.parametrize("name", sized.SETTINGS)
def test_they_are_the_products_that_are_made(name, rng):
    settings = sized.SETTINGS[name]
    objective = sized.family(settings).objective(sized.drawn(settings, rng))
    given = {"rng": np.random.default_rng(1)} if settings.dropout else {}
    there, there_and_back = flops(objective, **sized.inputs(settings, rng, BATCH), **given)
    assert there == BATCH * forward(settings, sized.READ, sized.SAID)
    assert there_and_back == BATCH * training(settings, sized.READ, sized.SAID)


def test_a_product_is_counted_and_a_sum_is_not(rng):
    Counted.flops = 0
    x, w = counted(rng.normal(size=(2, 5, 3))), rng.normal(size=(3, 4))
    y = x @ w
    assert Counted.flops == 2 * 2 * 5 * 3 * 4 and np.array_equal(y, np.asarray(x) @ w)
    x @ np.ones(3)
    np.matmul(x, w, out=y)
    assert Counted.flops == 2 * (2 * 2 * 5 * 3 * 4)
    with pytest.raises(TypeError, match="a product must be counted, got einsum"):
        np.einsum("btd,dk->btk", x, w)


@pytest.mark.parametrize("name", ["decoder", "encoder"])
def test_one_stack_sees_one_sequence(name):
    settings = sized.SETTINGS[name]
    assert forward(settings, 5, 7) == forward(settings, 0, 12) == forward(settings, 12, 0)


@pytest.mark.parametrize("name", sized.SETTINGS)
def test_each_block_costs_the_same(name):
    settings = sized.SETTINGS[name]
    for field in ("layers", "encoder_layers", "decoder_layers"):
        if hasattr(settings, field):
            one, two, nine = (training(dataclasses.replace(settings, **{field: k}), 5, 7) for k in (1, 2, 9))
            assert nine - one == 8 * (two - one) > 0


def test_a_table_is_kept_below_512_queries_and_keys():
    settings = sized.SETTINGS["decoder"]
    assert attention_table(settings, LONG, LONG - 1) == 4 * LONG * (LONG - 1)
    assert attention_table(settings, LONG, LONG) == 0


# Wrong versions


def test_six_for_each_parameter_is_not_the_count():
    settings = sized.SETTINGS["decoder"]
    assert 6 * parameters(settings) * 12 / training(settings, 5, 7) < 0.99
    long = dataclasses.replace(settings, length=400)
    assert 6 * parameters(long) * 400 / training(long, 0, 400) < 0.5


@pytest.mark.parametrize(("lengths", "said"), [((-1, 3), "read must be at least 0, got -1"), ((3, -1), "said must be")])
def test_a_negative_length_is_refused(lengths, said):
    with pytest.raises(ValueError, match=f"forward: {said}"):
        training(sized.SETTINGS["decoder"], *lengths)


def test_other_settings_are_refused():
    with pytest.raises(TypeError, match="forward: settings must be those of a family of models, got NoneType"):
        forward(None, 3, 4)
    with pytest.raises(TypeError, match="forward: read must be a whole number, got"):
        forward(sized.SETTINGS["encoder"], 2.5, 4)
