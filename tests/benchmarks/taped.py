"""What a function asks of NumPy, written down as a function of its own: the same calls in the same order, and no more.

Arrays of a class of their own note every ufunc, function and method that is called on them. What is noted is compiled
into one function without branches, in which an array ends with its last use.
"""

import contextlib
from unittest import mock

import numpy as np

METHODS = ("reshape", "swapaxes", "take", "max", "sum", "astype", "copy", "ravel", "__getitem__", "__setitem__")
ATTRIBUTES = ("T", "real")
MADE_OF_SHAPES = ("empty", "zeros", "ones", "arange", "ascontiguousarray", "asarray")  # NumPy asks no class about these


class Tape:
    """The calls, one after the other, and by name what they need that none of them made."""

    def __init__(self):
        self.lines, self.names, self.count = [], {}, 0

    def noted(self, array):
        """Return an array that notes what becomes of it, under a name that no other has."""
        made = array.view(Noted)
        made.tape, made.name = self, f"a{self.count}"
        self.count += 1
        return made

    def begin(self):
        """Forget the calls until now."""
        self.lines, self.names, self.first = [], {}, self.count

    def written(self, value, used):
        """Return an argument as code, and add the names of its arrays to those that are used."""
        if isinstance(value, Noted) and value.tape is self:
            used.append(value.name)
            if int(value.name[1:]) < self.first:
                self.names[value.name] = plain(value)
            return value.name
        if type(value) in (tuple, list):
            inner = "".join(f"{self.written(entry, used)}, " for entry in value)
            return f"({inner})" if type(value) is tuple else f"[{inner}]"
        if value is None or type(value) in (int, bool, str):
            return repr(value)
        return self.named(value)

    def named(self, value):
        name = f"g{id(value)}"
        self.names[name] = value  # which keeps it, and so its id
        return name

    def call(self, form, args, kwargs, result):
        """Note a call, which `form` makes code of, and return its result."""
        used = []
        words = [self.written(a, used) for a in args] + [f"{k}={self.written(a, used)}" for k, a in kwargs.items()]
        target = kwargs.get("out")
        target = target[0] if type(target) is tuple else target
        if isinstance(target, Noted):
            self.lines.append(([], form(words), used))
            return target
        parts = result if type(result) is tuple else (result,)
        made = [self.noted(part) if isinstance(part, np.ndarray) else part for part in parts]
        self.lines.append(([part.name for part in made if isinstance(part, Noted)], form(words), used))
        return tuple(made) if type(result) is tuple else made[0]

    def compiled(self, *kept):
        """Return the calls as a function of nothing, which returns those of the arrays that are to be kept."""
        returned = [array.name for array in kept]
        last = {name: at for at, (_, _, used) in enumerate(self.lines) for name in used}
        body = ["pass"]
        for at, (names, code, used) in enumerate(self.lines):
            body.append(f"{', '.join(names)} = {code}" if names else code)
            over = [name for name in dict.fromkeys(used) if last[name] == at and name not in self.names]
            over = [name for name in (*over, *(name for name in names if name not in last)) if name not in returned]
            body += [f"del {', '.join(over)}"] * bool(over)
        body.append(f"return [{', '.join(returned)}]")
        namespace = dict(self.names)
        exec(compile("def calls():\n    " + "\n    ".join(body), "<tape>", "exec"), namespace)
        return namespace["calls"]


class Noted(np.ndarray):
    """An array of a tape."""

    def __array_finalize__(self, _):
        self.tape = self.name = None

    def __array_ufunc__(self, ufunc, method, *args, **kwargs):
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        return noted(function, args, kwargs)

    def __array_function__(self, function, types, args, kwargs):
        return noted(function, args, kwargs)


def plain(value):
    """Return a value with NumPy's own arrays in place of those that are noted."""
    if isinstance(value, Noted):
        return value.view(np.ndarray)
    return type(value)(map(plain, value)) if type(value) in (tuple, list) else value


def tape_of(values):
    """Return the tape of the first array that has one."""
    for value in values:
        found = value.tape if isinstance(value, Noted) else None
        if type(value) in (tuple, list):
            found = tape_of(value)
        if found is not None:
            return found
    return None


def noted(function, args, kwargs, tape=None):
    """Call `function` on plain arrays, and note the call."""
    result = function(*plain(args), **{name: plain(value) for name, value in kwargs.items()})
    tape = tape or tape_of((*args, *kwargs.values()))
    if tape is None:
        return result
    return tape.call(lambda words: f"{tape.named(function)}({', '.join(words)})", args, kwargs, result)


def _method(name):
    function = getattr(np.ndarray, name)

    def called(self, *args, **kwargs):
        result = function(plain(self), *plain(args), **{k: plain(v) for k, v in kwargs.items()})
        if self.tape is None:
            return result
        return self.tape.call(lambda words: f"{words[0]}.{name}({', '.join(words[1:])})", (self, *args), kwargs, result)

    return called


def _attribute(name):
    function = getattr(np.ndarray, name).__get__

    def got(self):
        if self.tape is None:
            return function(plain(self))
        return self.tape.call(lambda words: f"{words[0]}.{name}", (self,), {}, function(plain(self)))

    return property(got)


for _name in METHODS:
    setattr(Noted, _name, _method(_name))
for _name in ATTRIBUTES:
    setattr(Noted, _name, _attribute(_name))


@contextlib.contextmanager
def taping():
    """Yield a tape; within, what is made of a shape is noted too."""
    tape = Tape()
    tape.begin()
    with contextlib.ExitStack() as stack:
        for name in MADE_OF_SHAPES:
            function = getattr(np, name)
            made = lambda *args, function=function, **kwargs: noted(function, args, kwargs, tape)  # noqa: E731
            stack.enter_context(mock.patch.object(np, name, made))
        yield tape
