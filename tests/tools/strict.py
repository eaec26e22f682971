"""Arrays that are NumPy's in their numbers and foreign in all else, as strict as those of a device.

`Strict` carries an array, takes NumPy's calls by its two protocols (NEP 13, NEP 18), and refuses
- to become a bare array, a number, a truth value, an index or a row of entries: each would be a silent copy
  to the host.  CuPy grants `bool()` and `float()` of one entry, at the price of a wait for all that runs; here
  they are refused, as a wait at every call is what a seam should show;
- to meet a bare array with axes, as operand, as index, as mask or as value: CuPy refuses that too;
- `where=` of a ufunc, which CuPy lacks, and a shape of () or 0 for what is made like it, which CuPy takes for no shape.

Numbers of Python, and NumPy's arrays without axes, are taken.  What is asked for by name is granted:
`np.asarray(bare, like=strict)` hands numbers over, `strict.tolist()` takes them back.
"""

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin


class Strict(NDArrayOperatorsMixin):
    """What `called`, if given, is told: a pair of a kind ("ufunc", "function", "method", "attribute") and a name."""

    __slots__ = ("_bare",)
    called = None  # a set, while somebody listens

    def __init__(self, bare):
        if type(bare) is not np.ndarray:
            raise TypeError(f"Strict carries a numpy.ndarray, got {type(bare).__name__}")
        self._bare = bare

    # What NumPy hands over

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **options):
        self._tell("ufunc", ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}")
        if any(result is not None and type(result) is not Strict for result in out):
            raise TypeError(f"{ufunc.__name__}: a result of strict arrays is written to a bare one")
        options = {name: bare(value) for name, value in options.items()}
        if "where" in options:
            raise TypeError(f"{ufunc.__name__}: where= is not taken; np.where is")
        if out:
            options["out"] = tuple(None if result is None else result._bare for result in out)
        results = getattr(ufunc, method)(*map(bare, inputs), **options)
        if not out:
            return strict(results)
        return out[0] if len(out) == 1 else out

    def __array_function__(self, function, types, args, options):
        name = f"{function.__module__}.{function.__name__}".removeprefix("numpy.")
        self._tell("function", name)
        if function is np.asarray:
            return Strict(np.asarray(*args, **options))
        if function.__name__.endswith("_like") and options.get("shape", True) in ((), 0):
            raise TypeError(f"{function.__name__}: shape={options['shape']} is taken for no shape, (1,) is not")
        results = function(*map(bare, args), **{name: bare(value) for name, value in options.items()})
        return strict(results)

    # What an array has besides

    shape = property(lambda self: self._bare.shape)
    ndim = property(lambda self: self._bare.ndim)
    size = property(lambda self: self._bare.size)
    dtype = property(lambda self: self._bare.dtype)
    T = property(lambda self: self._attribute("T"))
    real = property(lambda self: self._attribute("real"))
    imag = property(lambda self: self._attribute("imag"))

    def __len__(self):
        return len(self._bare)

    def __getitem__(self, index):
        self._tell("method", "__getitem__")
        return strict(self._bare[bare(index)])

    def __setitem__(self, index, value):
        self._tell("method", "__setitem__")
        self._bare[bare(index)] = bare(value)

    def tolist(self):
        self._tell("method", "tolist")
        return self._bare.tolist()

    def __repr__(self):
        return f"Strict({self._bare.dtype}{list(self._bare.shape)})"

    def __deepcopy__(self, memo):
        return Strict(self._bare.copy())

    def _attribute(self, name):
        self._tell("attribute", name)
        return Strict(getattr(self._bare, name))

    def _tell(self, kind, name):
        if Strict.called is not None:
            Strict.called.add((kind, name))


METHODS = (
    "argmax", "astype", "copy", "max", "ravel", "reshape", "sum", "swapaxes", "take", "view",
)  # fmt: skip
REFUSED = (
    "__array__", "__bool__", "__complex__", "__contains__", "__dlpack__", "__float__", "__index__", "__int__",
    "__iter__",
)  # fmt: skip


def _method(name):
    def called(self, *args, **options):
        self._tell("method", name)
        args, options = bare(args), {key: bare(value) for key, value in options.items()}
        return strict(getattr(self._bare, name)(*args, **options))

    return called


def _refusal(name):
    def refused(self, *args, **options):
        raise TypeError(f"a strict array does not answer {name}: nothing leaves it in silence")

    return refused


for name in METHODS:
    setattr(Strict, name, _method(name))
for name in REFUSED:
    setattr(Strict, name, _refusal(name))


def bare(value):
    """Return what strict arrays carry, in tuples, lists and slices too; raise where a bare array meets them."""
    if isinstance(value, Strict):
        return value._bare
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError(f"a strict array meets a bare one of shape {value.shape}")
    if isinstance(value, tuple | list):
        return type(value)(map(bare, value))
    return value


def strict(value):
    """Return arrays and numbers of NumPy's as strict arrays, in tuples and lists too; the rest as it is."""
    if isinstance(value, np.ndarray | np.generic):
        return Strict(np.asarray(value))
    if isinstance(value, tuple | list):
        return type(value)(map(strict, value))
    return value


def there(array):
    """Return a strict copy, as a device has it."""
    return Strict(np.asarray(array).copy())


def home(array):
    """Return what `there` copied; NumPy's own as it is."""
    return array if isinstance(array, np.ndarray) else numbers(array)


def numbers(array):
    """Return what a strict array carries: the tests' way out."""
    if type(array) is not Strict:
        raise TypeError(f"a strict array is awaited, got {type(array).__name__}")
    return array._bare
