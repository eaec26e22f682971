"""What may be checked, and how it comes by its inputs."""

import sys

import pytest

import gradcheck
from gradcheck.cli.given import Given
from gradcheck.cli.things import subject_of


@pytest.mark.parametrize(
    ("words", "subject", "arrays"),
    [
        ("layers:instance --input x=2,3", "Scale", ["gain", "x"]),
        ("layers:Scale --param width=3 --input x=2,3", "Scale", ["gain", "x"]),
        ("layers:Scale --input gain=3 --input x=2,3", "Scale", ["gain", "x"]),
        ("layers:Scale.init --param width=3 --input x=2,3", "Scale", ["gain", "x"]),
        ("layers:make --input x=2,3", "Scale", ["gain", "x"]),
        ("layers:make --param width=4 --input x=2,4", "Scale", ["gain", "x"]),
        ("layers:make_wide --param width=4 --input x=2,4", "Scale", ["gain", "x"]),
        ("layers:Table --input table=9,4 --input ids=2,5<9", "Table", ["table"]),
        ("layers:Course --input x=2,3", "Course", ["x"]),
        ("layers:product --input b=2,3 --input a=2,3", "product", ["a", "b"]),
        ("layers:powers --input x=2,3", "powers", ["x"]),
        ("layers:powers --input x=2,3 --param power=3 --param factor=2.5", "powers", ["x"]),
        ("layers:masked --input x=2,3 --input mask=2,3:bool", "masked", ["x"]),
        ("layers:total --input u=2,3 --input v=2,3 --param w=3", "total", ["parts[0]", "parts[1]"]),
        ("layers:make_function --input a=2,3 --input b=2,3", "product", ["a", "b"]),
        ("layers:make_pair --input x=2,3", "sine", ["x"]),
        ("layers:nameless --input x=2,3", "nameless", ["x"]),
    ],
)
def test_every_kind_of_thing_is_checked(run, words, subject, arrays):
    status, out, err = run(*words.split())
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith(f"gradcheck {subject}: pass (")
    assert [line.split()[0] for line in lines[1 : 1 + len(arrays)]] == arrays


@pytest.fixture
def frameworks(monkeypatch):
    """Return stand-ins for PyTorch and JAX; the adapters take notes instead of adapting."""

    class Framework:
        class Kind:
            pass

        Module = Function = custom_vjp = custom_jvp = Kind
        seeded = None

        def manual_seed(self, seed):
            self.seeded = seed

    torch, jax = Framework(), Framework()
    torch.autograd = torch.nn = torch
    torch.Module, torch.Function = (type(name, (), {}) for name in ("Module", "Function"))
    for name, module in (("torch", torch), ("torch.nn", torch), ("jax", jax)):
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("torch_function", "jax_function"):
        monkeypatch.setattr(gradcheck.adapters, name, lambda thing, name=name: (name, thing))
    return torch, jax


def test_layers_of_frameworks_go_by_way_of_their_adapters(frameworks):
    torch, jax = frameworks
    given = Given([], {}, 3)

    class Net(torch.Module):
        def vjp(self):
            raise NotImplementedError

    class Square(torch.Function):
        vjp = Net.vjp

    class Plain(torch.Module):
        pass

    rule, plain = jax.custom_vjp(), Plain()
    assert subject_of(Square, "Square", given) == ("torch_function", Square)
    assert subject_of(plain, "plain", given) == ("torch_function", plain)
    assert subject_of(lambda: plain, "make", given) == ("torch_function", plain)
    assert isinstance(subject_of(Plain, "Plain", given)[1], Plain)
    assert subject_of(rule, "rule", given) == ("jax_function", rule)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("layers", "'layers' must be package.module:thing or path/to/file.py:thing"),
        ("layers:", "'layers:' must be package.module:thing or path/to/file.py:thing"),
        ("./layers:make", "'./layers:make' must be package.module:thing or path/to/file.py:thing"),
        ("no_such.py:make", "there is no file 'no_such.py'"),
        ("./layers.py:no-name", "'./layers.py:no-name' must be package.module:thing or path/to/file.py:thing"),
        ("./layers.py:mask", "./layers.py has no 'mask'; did you mean 'masked'?"),
        ("no_such:thing", "there is no module 'no_such' here or on the path"),
        ("layers:mask", "layers has no 'mask'; did you mean 'masked'?"),
        ("layers:Scale.initial", "layers has no 'Scale.initial'; did you mean 'init'?"),
        ("layers:xyzzy", "layers has no 'xyzzy'"),
        ("./layers.py:pairs", "./layers.py has no 'pairs'"),
        ("./layers.py:npp", "./layers.py has no 'npp'"),
        ("layers:product --input q=3", ("product needs a, got q: give an array by --input 'a=2,8', "
                                        "or a value by --param a=...")),
        ("layers:product --input a=2",
         "product needs b: give an array by --input 'b=2,8', or a value by --param b=..."),
        ("layers:product", "product needs a: give an array by --input 'a=2,8', or a value by --param a=..."),
        ("layers:Scale --input x=2,3",
         "Scale(...) needs width: give an array by --input 'width=2,8', or a value by --param width=..."),
        ("layers:make_wide --input x=2,3",
         "make_wide needs width, got x: give an array by --input 'width=2,8', or a value by --param width=..."),
        ("layers:wrong --input x=3 --input z=3 --param w=1", "layers:wrong takes x, got w, z"),
        ("layers:make --input x=2,3 --input z=3", "layers:make takes width, x, shift, got z"),
        ("layers:constant", "constant returns (y, pullback) but has no input to differentiate"),
        ("layers:number", ("layers:number: the subject must have a method vjp or be a function that returns "
                          "(y, pullback), got int")),
        ("builtins:max --input x=3", (
            "builtins:max: max must return (y, pullback), got float64; "
            "for a forward and a backward function use gradcheck.adapters.pair(forward, backward)")),
        ("layers:powers --param x=3", "powers returns (y, pullback) but has no input to differentiate"),
        ("layers:total --param w=3", "layers:total: total must have a floating array to differentiate, got no input"),
        ("layers:not_finite --input x=3", ("layers:not_finite: the forward pass of not_finite must be finite where it "
                                          "is checked, got nan at y[0]")),
    ],
)
def test_what_cannot_be_checked_is_said_in_one_line(run, words, message):
    status, out, err = run(*words.split())
    assert (status, out, err) == (3, "", f"gradcheck: {message}\n")


def test_an_object_that_answers_to_no_name_hides_none_that_was_asked_for(run, folder):
    lines = "class Closed:\n    def __getattr__(self, name):\n        raise RuntimeError(name)\n\n\nopen_ = Closed()\n"
    with (folder / "layers.py").open("a", encoding="utf-8") as file:
        file.write(f"\n\n{lines}")
    message = "gradcheck: ./layers.py has no 'mask'; did you mean 'masked'?\n"
    assert run("./layers.py:mask") == (3, "", message)
