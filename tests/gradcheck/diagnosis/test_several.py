"""gradcheck.diagnosis.several: hypotheses about several edges have the effect that they say."""

import numpy as np

from gradcheck.diagnosis import several


def test_all_statistics_may_be_held(flows, arrays):
    X, W, B = arrays
    found = flows()
    suspect = next(several.held(found.graph))
    z = np.tanh(X @ W + B)
    d = found.g.reshape(-1, 3, 4) / np.sqrt(z.var(1, keepdims=True)) * (1 - z * z)
    want = np.concatenate([(d @ W.T).reshape(len(d), -1), (X.T @ d).reshape(len(d), -1), d.sum(1)], axis=1)
    assert np.allclose(found.right + suspect.effect(found), want, rtol=1e-9, atol=1e-9)


def test_of_several_uses_one_may_count(flows, arrays):
    X, _, _ = arrays
    found = flows(lambda x: np.exp(x) + np.sin(x) + x * x, (X,))
    effects = [found.right + s.effect(found) for s in several.uses(found.graph)]
    g = found.g.reshape(-1, 3, 4)
    for slope in (np.exp(X), np.cos(X)):
        want = (g * slope).reshape(len(g), -1)
        assert any(np.allclose(effect, want, rtol=1e-9, atol=1e-9) for effect in effects)


def test_two_steps_may_go_back_in_the_wrong_order(flows, arrays):
    X, W, _ = arrays
    found = flows(lambda x, w: np.roll(x, 1, 0) * w[:3], (X, W))
    (suspect,) = several.commuted(found.graph)
    want = (np.roll(found.g.reshape(-1, 3, 4), -1, 1) * W[:3]).reshape(len(found.g), -1)
    assert np.allclose((found.right + suspect.effect(found))[:, :12], want, rtol=1e-12, atol=1e-12)


def test_of_what_several_uses_take_the_last_may_be_kept(flows, arrays):
    X, _, _ = arrays
    found = flows(lambda x: np.exp(x[:2]) * np.sin(x[1:]), (X,))
    g = found.g.reshape(-1, 2, 4)
    want = np.zeros((len(g), 3, 4))
    want[:, :2] = g * np.exp(X[:2]) * np.sin(X[1:])
    want[:, 1:] = g * np.exp(X[:2]) * np.cos(X[1:])
    effects = [found.right + s.effect(found) for s in several.assigned(found.graph)]
    assert any(np.allclose(e, want.reshape(len(g), -1), rtol=1e-9, atol=1e-9) for e in effects)
