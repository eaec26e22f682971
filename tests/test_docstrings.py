"""Examples in docstrings, which the reference of the code shows, do what they say."""

import ast
import doctest
import importlib

import pytest
from equations.pages import ROOT

import gradcheck
import gradcheck.adapters

PACKAGES = ("gradcheck", "reference")
OTHERS = {"dlpack", "jax_function", "torch_function"}  # for arrays of other libraries


def examples():
    """Yield the name of every function and class whose docstring has an example, and its module."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and ">>>" in (ast.get_docstring(node) or ""):
                    yield f"{module}.{node.name}", module


EXAMPLES = dict(examples())


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_in_a_docstring_does_what_it_says(name):
    module = importlib.import_module(EXAMPLES[name])
    thing = getattr(module, name.rpartition(".")[2])
    found = doctest.DocTestFinder(recurse=False).find(thing, name, globs=vars(module).copy())
    results = [doctest.DocTestRunner(verbose=False).run(test) for test in found]
    assert sum(result.attempted for result in results) > 0
    assert sum(result.failed for result in results) == 0


def test_what_a_user_calls_first_has_an_example():
    front = {gradcheck.check, gradcheck.derivative, gradcheck.gradient, gradcheck.hessian, gradcheck.jacobian}
    front |= {getattr(gradcheck.adapters, name) for name in set(gradcheck.adapters.__all__) - OTHERS}
    assert {f"{function.__module__}.{function.__name__}" for function in front} <= set(EXAMPLES)
