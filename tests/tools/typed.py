"""What people may type at the command `gradcheck`, good and bad; the things are those of tests/gradcheck/cli."""

THINGS = [
    "layers:product", "layers:powers", "layers:wrong", "layers:noisy", "layers:masked", "layers:total",
    "layers:make", "layers:make_wide", "layers:make_function", "layers:make_pair", "layers:nameless",
    "layers:instance", "layers:Scale", "layers:Scale.init", "layers:Old", "layers:Table", "layers:Course",
    "layers:number", "layers:constant", "layers:talks", "layers:not_finite", "layers:np", "layers:pair",
    "layers:np.sin", "layers:random", "layers:np.ndarray", "layers:Scale.vjp", "./layers.py:wrong",
    "layers.py:powers", "builtins:max", "builtins:object", "builtins:type", "builtins:len", "builtins:dict",
    "numpy:zeros", "numpy:matmul", "numpy.linalg:inv", "numpy:float64", "math:sin", "functools:partial",
    "gradcheck:check", "gradcheck:adapters.pair", "layers:instance.vjp", "layers:instance.gain",
]
BAD_THINGS = [
    "", ":", "::", "layers", "layers:", ":x", "a b:c", "layers:x y", "no/such.py:x", "layers.py", ".:x", "..:x",
    "layers.:wrong", "layers..x:y", "-:x", "é:è", "layers:wrong:x", "/:x", ".py:x", "layers:__class__",
    "layers:__dict__", "layers:__loader__", "demo:x", "*:*", "\x1b:x", "layers:" + "a" * 3000, "a." * 500 + "b:c",
]
NAMES = [
    "x", "a", "b", "q", "mask", "ids", "table", "width", "rng", "gain", "shift", "power", "self", "cls", "dtype",
    "seed",
]
SHAPES = [
    "3", "2,3", "()", "0", "2,0,3", "1", "4,1", "3,", "2<5", "2,3<9:int8", "3:float32", "2,3:float16", "3:bool",
    "2,3<2:uint8",
]
BAD_SHAPES = [
    "", ",", "-1", "2,,3", "two", "2x3", "1e3", "99999999999,99999999", ",".join("1" * 65), "9" * 5000, "2<0",
    "3<300:int8", "3:complex128", "3:object", "3:int64", "3:", "3<", "()()", "2 3", "(2,3)", "٣", "3:float32:float32",
    "=3", "3=3",
]
VALUES = [
    "1", "2.5", "None", "True", "'x'", "x", "[1, 2]", "(3,)", "{'a': 1}", "1e-5", "", "-3", "float32", "b'x'",
    "{1, 2}", "...",
]
BAD_VALUES = [
    "{[]:1}", "[" * 400 + "]" * 400, "9" * 5000, "1" + "+1" * 5000, "lambda: 0", "1j", "nan", "[", "\\", "'", "1_0",
    "0x", "-" * 9000 + "1",
]
OPTIONS = [
    "--json", "--seed=3", "--seed=0", "--html=page.html", "--workers=1",
]
BAD_OPTIONS = [
    "--seed=-1", "--seed=x", "--seed=" + "9" * 5000, "--workers=0", "--workers=-7", "--workers=999999", "--workers=x",
    "--html=no/page.html", "--html=.", "--html=", "--html=layers.py/x", "--html=" + "x" * 400, "--nonsense",
    "--json=1", "--", "-x",
]
SENSIBLE = [
    "layers:product --input=a={0} --input=b={0}", "layers:powers --input=x={0} --param=power={1}",
    "layers:wrong --input=x={0}", "layers:Course --input=x={0}", "layers:total --input=u={0} --input=v={0}",
    "layers:Scale --param=width=3 --input=x={0}", "layers:masked --input=x={0} --input=mask={0}:bool",
    "layers:Table --input=table=9,2 --input=ids={0}<9", "layers:noisy --input=x={0}",
    "./layers.py:powers --input=x={0}",
]


def pick(rng, good, bad, wild):
    """Draw a bad word with the probability `wild`, else a good one."""
    return str(rng.choice(bad if rng.random() < wild else good))


def command(rng):
    """Draw the words of a command, all of them good ones in a third of the cases."""
    wild = rng.choice([0.0, 0.1, 0.5])
    if rng.random() < 0.4:
        words = str(rng.choice(SENSIBLE)).format(pick(rng, SHAPES, BAD_SHAPES, wild / 2), rng.integers(3)).split(" ")
    else:
        words = [pick(rng, THINGS, BAD_THINGS, wild) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
        for _ in range(rng.integers(0, 4)):
            words.append(f"--input={rng.choice(NAMES)}={pick(rng, SHAPES, BAD_SHAPES, wild)}")
        for _ in range(rng.choice([0, 0, 1, 2])):
            words.append(f"--param={rng.choice(NAMES)}={pick(rng, VALUES, BAD_VALUES, wild)}")
    for _ in range(rng.choice([0, 0, 1])):
        words.append(pick(rng, OPTIONS, BAD_OPTIONS, wild))
    return words
