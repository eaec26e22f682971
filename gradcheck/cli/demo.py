"""`gradcheck demo`: a layer normalisation whose backward pass forgets a term, which the usual test does not see."""

import inspect
import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gradcheck.checker import check
from gradcheck.cli.errors import FAIL, PASS
from gradcheck.cli.output import writable, write_page
from gradcheck.reports.style import style_of
from gradcheck.reports.text import render


def layer_norm(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> tuple[np.ndarray, Callable]:
    centred = x - row_mean(x)
    r = 1 / np.sqrt(row_mean(centred * centred) + 1e-5)
    xhat = r * centred

    def pullback(dy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        dxhat = gamma * dy
        dx = r * (dxhat - row_mean(dxhat) - xhat * row_mean(dxhat * xhat))
        return dx, (dy * xhat).sum(axis=0), dy.sum(axis=0)

    return gamma * xhat + beta, pullback


def forgetful_layer_norm(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> tuple[np.ndarray, Callable]:
    centred = x - row_mean(x)
    r = 1 / np.sqrt(row_mean(centred * centred) + 1e-5)
    xhat = r * centred

    def pullback(dy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        dxhat = gamma * dy
        dx = r * (dxhat - row_mean(dxhat))
        return dx, (dy * xhat).sum(axis=0), dy.sum(axis=0)

    return gamma * xhat + beta, pullback


def row_mean(x: np.ndarray) -> np.ndarray:
    return x.mean(axis=-1, keepdims=True)


def usual_test(layer: Callable, x: np.ndarray, *parameters: np.ndarray) -> bool:
    _, pullback = layer(x, *parameters)
    dx, slopes = pullback(np.ones(x.shape))[0], np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        h = np.zeros(x.shape)
        h[i] = 1e-6
        ahead, behind = layer(x + h, *parameters)[0], layer(x - h, *parameters)[0]
        slopes[i] = (ahead.sum() - behind.sum()) / 2e-6
    return np.allclose(dx, slopes)


def demo(html: Path | None) -> int:
    """Print the story; return 0 if the wrong layer is found and the right one passes."""
    if html is not None:
        writable(html)
    style = style_of(sys.stdout, shutil.get_terminal_size().columns)
    x = np.random.default_rng(0).standard_normal((4, 8))
    gamma, beta = np.ones(8), np.zeros(8)

    def say(text: str) -> None:
        print(style.paint(text, "bold"), end="\n\n", flush=True)

    say("A layer normalisation with its backward pass, written by hand. One term of dx is missing:")
    _source(forgetful_layer_norm)
    say("The usual test, with a fresh layer and a gradient of ones from above:")
    _source(usual_test)
    verdict = usual_test(forgetful_layer_norm, x, gamma, beta)
    print(f"    >>> usual_test(forgetful_layer_norm, x, gamma, beta)\n    {verdict}\n")
    say("It sees nothing. The same arguments, checked:")
    wrong = check(forgetful_layer_norm, x, gamma, beta)
    print(render(wrong, style), flush=True)
    say("\nWith the term, dx = r * (dxhat - row_mean(dxhat) - xhat * row_mean(dxhat * xhat)):")
    right = check(layer_norm, x, gamma, beta)
    print(render(right, style))
    if html is not None:
        write_page([wrong, right], html)
    return PASS if (verdict, wrong.verdict, right.verdict) == (True, "fail", "pass") else FAIL


def _source(function: Callable) -> None:
    lines = inspect.getsource(function).replace(": np.ndarray", "").replace(": Callable", "").splitlines()
    plain = [line.partition(" ->")[0] + ":" if line.lstrip().startswith("def ") else line for line in lines]
    print(textwrap.indent("\n".join(plain), "    "), end="\n\n", flush=True)
