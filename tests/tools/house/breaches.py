"""One breach for every way to break a rule of the house, and the message that must name it."""

from house import rooms

DOUBLE, CHAIN, DESCENT = "reference/functions/double.py", "reference/models/chain.py", "reference/optimizers/descent.py"
STEP = "gradcheck/numeric/step.py"
SPEC, UPDATE = "specs/functions/double.md", "specs/optimizers/descent.md"
TESTS = "tests/reference/functions/test_double.py"
WAYS = f"Code: [`{DOUBLE}`](../../{DOUBLE}) · Tests: [`{TESTS}`](../../{TESTS})"


def change(path, old, new):
    def breach(root):
        text = (root / path).read_text(encoding="utf-8")
        assert old in text
        (root / path).write_text(text.replace(old, new, 1), encoding="utf-8")

    return breach


def together(*breaches):
    def breach(root):
        for each in breaches:
            each(root)

    return breach


def create(path, text=""):
    def breach(root):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")

    return breach


def remove(path):
    return lambda root: (root / path).unlink()


BREACHES = [
    (
        "rooms",
        create("reference/attic/old.py"),
        (
            "reference/attic/old.py:1: the room must be one of core, functions, losses, "
            "optimizers, replay, layers, models, generation, published, scaling, data, tasks, training, job, got attic"
        ),
    ),
    ("columns", remove(SPEC), f"{DOUBLE}:1: must have a spec, {SPEC}, got none"),
    ("columns", remove(TESTS), f"{DOUBLE}:1: must have tests, {TESTS}, got none"),
    (
        "columns",
        remove("tests/reference/core/test_base.py"),
        "reference/core/base.py:1: must have tests, tests/reference/core/test_base.py, got none",
    ),
    (
        "columns",
        create("specs/layers/ghost.md"),
        "specs/layers/ghost.md:1: must derive a module, reference/layers/ghost.py, got none",
    ),
    (
        "columns",
        create("tests/reference/layers/test_ghost.py"),
        "tests/reference/layers/test_ghost.py:1: must test a module, reference/layers/ghost.py, got none",
    ),
    (
        "downward",
        change(DOUBLE, "from reference.core.base import two", "from reference.models.chain import Chain"),
        f"{DOUBLE}:2: functions may import core besides itself, got reference.models.chain",
    ),
    (
        "downward",
        create("reference/optimizers/more.py", "def f():\n    from reference.functions import double\n"),
        "reference/optimizers/more.py:2: optimizers may import core besides itself, got reference.functions.double",
    ),
    (
        "acyclic",
        change("reference/core/base.py", "two = 2", "from reference.functions.double import two"),
        (
            "reference/core/base.py:1: imports must be acyclic, got "
            "reference.core.base -> reference.functions.double -> reference.core.base"
        ),
    ),
    (
        "checker_rooms",
        create("gradcheck/attic/box.py"),
        f"gradcheck/attic/box.py:1: the room must be one of {', '.join(rooms.SEES)}, got attic",
    ),
    (
        "checker_downward",
        together(create("gradcheck/checker.py"), create(STEP, "from gradcheck import checker\n")),
        f"{STEP}:1: numeric may import subjects besides itself, got gradcheck.checker",
    ),
    (
        "checker_columns",
        create(STEP),
        f"{STEP}:1: must have tests, tests/gradcheck/numeric/test_step.py, got none",
    ),
    (
        "checker_columns",
        create("gradcheck/adapters/torch_step.py"),
        "gradcheck/adapters/torch_step.py:1: must have tests, tests/frameworks/test_torch_step.py, got none",
    ),
    (
        "checker_columns",
        together(create(STEP), create("tests/gradcheck/numeric/test_gone.py")),
        "tests/gradcheck/numeric/test_gone.py:1: must test a module, gradcheck/numeric/gone.py, got none",
    ),
    (
        "mapped",
        change("README.md", "  2 functions/    double\n", ""),
        "README.md:1: the map must draw reference/functions, got no such line",
    ),
    (
        "mapped",
        create(STEP),
        "README.md:1: the map must draw gradcheck/numeric, got no such line",
    ),
    (
        "mapped",
        change("README.md", "gradcheck/\n", "gradcheck/\n  1 attic/        old things\n"),
        "README.md:11: the map must draw rooms that there are, got gradcheck/attic",
    ),
    (
        "mapped",
        change("README.md", "4 models", "2 models"),
        "README.md:8: reference/models must stand on floor 4, above all that it may import, got 2",
    ),
    (
        "mapped",
        together(
            change("README.md", "  1 core/         two\n", ""),
            change("README.md", "double\n", "double\n  1 core/         two\n"),
        ),
        "README.md:6: the map must draw the lowest floor first, got 1 after 2",
    ),
    (
        "strangers",
        change(CHAIN, "import numpy as np", "import gradcheck"),
        f"{CHAIN}:2: gradcheck may be imported by reference/job/verify.py only, got import of gradcheck",
    ),
    (
        "strangers",
        create("reference/job/other.py", "from gradcheck import check\n"),
        "reference/job/other.py:1: gradcheck may be imported by reference/job/verify.py only, got import of gradcheck",
    ),
    (
        "strangers",
        change(CHAIN, "import numpy as np", "import rich"),
        f"{CHAIN}:2: rich may be imported in reference/job only, got import of rich",
    ),
    (
        "strangers",
        create("reference/job/other.py", "import torch\n"),
        "reference/job/other.py:1: reference may import numpy and scipy, got torch",
    ),
    (
        "strangers",
        change("gradcheck/__init__.py", "import numpy as np", "import reference.core.base"),
        "gradcheck/__init__.py:1: gradcheck may import numpy and scipy, got reference.core.base",
    ),
    (
        "strangers",
        change("gradcheck/__init__.py", "import numpy as np", "import tqdm"),
        "gradcheck/__init__.py:1: gradcheck may import numpy and scipy, got tqdm",
    ),
    (
        "strangers",
        change("gradcheck/__init__.py", "import numpy as np", "import torch"),
        "gradcheck/__init__.py:1: frameworks may be imported in gradcheck/adapters only, got torch",
    ),
    (
        "strangers",
        change("gradcheck/__init__.py", "import numpy as np", "import flint"),
        "gradcheck/__init__.py:1: gradcheck may import numpy and scipy, got flint",
    ),
    (
        "examples",
        change(DOUBLE, "def examples", "def samples"),
        f"{DOUBLE}:5: a module with a pullback must define examples(rng), got none",
    ),
    (
        "examples",
        change(CHAIN, "def examples", "def examples(rng):\n    yield\n\n\ndef more"),
        f"{CHAIN}:18: examples(rng) must stand at the end of its module, got code after it",
    ),
    (
        "composites",
        change(CHAIN, "from reference.functions.double import double_vjp", ""),
        f"{DOUBLE}:5: must be part of a model in reference/models that has examples, got no such model",
    ),
    ("heads", change(SPEC, "# Title of double\n", "Double\n"), f"{SPEC}:1: must start with '# Title', got 'Double'"),
    (
        "heads",
        change(SPEC, "Code: [`reference/functions/double.py`]", "Code: [`reference/functions/triple.py`]"),
        f"{SPEC}:3: must be {WAYS!r}, got {WAYS.replace('double', 'triple', 1)!r}",
    ),
    (
        "headings",
        change(SPEC, "## Residuals\n", "## Memory\n"),
        (
            f"{SPEC}:5: headings must be Source, Shapes, Forward, Backward, Worked example, Residuals, Laws, Numerics, "
            "Pitfalls, got Source, Shapes, Forward, Backward, Worked example, Memory, Laws, Numerics, Pitfalls"
        ),
    ),
    (
        "headings",
        change(UPDATE, "## Update\n", "## Forward\n"),
        (
            f"{UPDATE}:5: headings must be Source, Shapes, Update, Worked example, Laws, Numerics, Pitfalls or "
            "Source, Shapes, Algorithm, Worked example, Laws, Numerics, Pitfalls, "
            "got Source, Shapes, Forward, Worked example, Laws, Numerics, Pitfalls"
        ),
    ),
    (
        "equations",
        change(SPEC, '<a id="double.a"></a>**(double.a)**', '<a id="double.a"></a>(double.a)'),
        (
            f"{SPEC}:35: the anchor of double.a must be followed by **(double.a)**, "
            "got '<a id=\"double.a\"></a>(double.a) From ([double.1](#double.1)):'"
        ),
    ),
    (
        "equations",
        change(SPEC, "\\tag{double.1}", "\\tag{double.3}"),
        f"{SPEC}:23: the equation must stand under an anchor of its tag double.3, got double.1",
    ),
    ("equations", change(SPEC, "\\tag{double.1}", ""), f"{SPEC}:23: a math fence must have one \\tag, got 0"),
    (
        "equations",
        change(SPEC, "\\tag{double.1}", "\\tag{double.1}\nz = 1 \\tag{double.4}"),
        f"{SPEC}:23: a math fence must have one \\tag, got 2",
    ),
    (
        "equations",
        change(UPDATE, '<a id="descent.1"></a>**(descent.1)**', '<a id="chain.1"></a>**(chain.1)**'),
        f"{UPDATE}:15: an id must be descent. and a number or a letter, got chain.1",
    ),
    (
        "equations",
        change(SPEC, "## Residuals", '<a id="double.a"></a>**(double.a)**\n\n## Residuals'),
        f"{SPEC}:59: an id must be unique, got double.a again, first in {SPEC}",
    ),
    (
        "equations",
        change(SPEC, "## Residuals", '<a id="double.b"></a>**(double.b)**\n\n## Residuals'),
        f"{SPEC}:59: the anchor of double.b must have an equation with its \\tag, got none",
    ),
    ("citations", change(DOUBLE, "# (double.2)", ""), f"{SPEC}:29: double.2 must be cited by a line of code, got none"),
    (
        "citations",
        change(DOUBLE, "# (double.2)", "# (double.7)"),
        f"{DOUBLE}:9: a cited equation must exist, got double.7",
    ),
    (
        "citations",
        change(DOUBLE, "return y, pullback", "return y, pullback  # (double.2)"),
        f"{DOUBLE}:11: double.2 must be cited once, got it also at {DOUBLE}:9",
    ),
    (
        "citations",
        change(DOUBLE, "return y, pullback", "return y, pullback  # (double.a)"),
        f"{DOUBLE}:11: only numbered equations are cited, got the step double.a",
    ),
    (
        "citations",
        change(DOUBLE, "# (double.2)", "# as (double.2) says"),
        f"{DOUBLE}:9: a citation must end a line of code, '... # (double.2)', got prose",
    ),
    (
        "citations",
        change(
            DOUBLE,
            "return two * dy                                 # (...)     # (double.2)",
            "# (double.2)\n        return two * dy",
        ),
        f"{DOUBLE}:9: a citation must end a line of code, '... # (double.2)', got prose",
    ),
    (
        "citations",
        change(CHAIN, "return y, pullback", "return y, pullback  # (descent.1)"),
        f"{CHAIN}:15: descent.1 must be cited in {DESCENT}, got another module",
    ),
    (
        "inline",
        change(SPEC, "One row.", "One row $x$."),
        f"{SPEC}:11: inline mathematics must be written $`...`$, got 'One row $x$.'",
    ),
    (
        "executed",
        change(SPEC, ">>> import numpy as np\n>>> x, h = 3.0, 1e-6", "x = 3.0"),
        f"{SPEC}:13: a pycon block must run something, got no line that starts with >>>",
    ),
    (
        "executed",
        change(SPEC, ">>> x, h = 3.0, 1e-6\n\n", ">>> x, h = 3.0, 1e-6\n"),
        f"{SPEC}:15: an empty line must stand before the closing fence",
    ),
    (
        "executed",
        change(SPEC, "```pycon", "```python"),
        f"{SPEC}:13: a fence must be one of bash, math, pycon, text, got python",
    ),
    (
        "executed",
        change(SPEC, "True\n", ""),
        f"{SPEC}:1: must check at least as many steps as it has lettered equations without a proof, 1, got 0",
    ),
    (
        "tolerances",
        change(SPEC, "rtol=1e-8, atol=0", "rtol=1e-8"),
        f"{SPEC}:43: must state rtol and atol, got np.allclose(slope, 2, rtol=1e-08)",
    ),
    (
        "laws",
        change(SPEC, " (`test_linear`)", ""),
        (
            f"{SPEC}:65: a law must end in the name of its test, (`test_...`), got "
            "'Linear: $`y(a x)`$ is $`a y(x)`$ for every $`a`$.'"
        ),
    ),
    ("laws", change(SPEC, "test_linear", "test_gone"), f"{SPEC}:65: a named test must exist in {TESTS}, got test_gone"),
    ("laws", change(UPDATE, "- A gradient", "A gradient"), f"{UPDATE}:1: Laws must list at least one law, got none"),
    (
        "headings",
        change(SPEC, "## Worked example\n", "### Worked example\n"),
        (
            f"{SPEC}:5: headings must be Source, Shapes, Forward, Backward, Worked example, Residuals, Laws, Numerics, "
            "Pitfalls, got Source, Shapes, Forward, Backward, Residuals, Laws, Numerics, Pitfalls"
        ),
    ),
    (
        "worked",
        change(SPEC, "Twice 3 is 6, and twice 5 is 10.\n", ""),
        f"{SPEC}:48: a worked example must say its steps in words, got none",
    ),
    (
        "worked",
        change(SPEC, ">>> from reference.functions.double import subject", ">>> subject = float"),
        f"{SPEC}:48: a worked example must run what it imports from reference.functions.double, got no such line",
    ),
    (
        "worked",
        change(UPDATE, ">>> step(3.0, 2.0, 0.5)\n2.0\n", ""),
        f"{UPDATE}:27: a worked example must show what comes out, got no such step",
    ),
    (
        "pitfalls",
        change(SPEC, "`test_wrong`", "the check"),
        f"{SPEC}:76: the last column must name tests, `test_...`, got 'the check'",
    ),
    (
        "pitfalls",
        change(SPEC, "`test_wrong`", "`test_gone`"),
        f"{SPEC}:76: a named test must exist in {TESTS}, got test_gone",
    ),
    (
        "pitfalls",
        change(SPEC, "| half as fast |", "| |"),
        f"{SPEC}:76: a wrong version must have all four cells, got '| $`dx = dy`$ | half of it | | `test_wrong` |'",
    ),
    (
        "pitfalls",
        change(SPEC, "| caught by |", "| test |"),
        (
            f"{SPEC}:74: the table must start with "
            "'| wrong version | what it does | how it shows | caught by |', "
            "got '| wrong version | what it does | how it shows | test |'"
        ),
    ),
    (
        "pitfalls",
        change(SPEC, "| $`dx = dy`$ | half of it | half as fast | `test_wrong` |\n", ""),
        f"{SPEC}:1: Pitfalls must be a table of at least one wrong version, got 2 lines of one",
    ),
    (
        "links",
        change(SPEC, "One row.", "One [row](../rows.md)."),
        f"{SPEC}:11: a link must lead to a file, got ../rows.md",
    ),
    (
        "links",
        change(SPEC, "equation](#double.1)", "equation](#double.9)"),
        f"{SPEC}:61: a link must lead to an equation, got #double.9",
    ),
    (
        "indexed",
        change("specs/README.md", "[Title of double](functions/double.md), ", ""),
        f"{SPEC}:1: must be once in a table of specs/README.md, as [Title of double](functions/double.md), got nothing",
    ),
    (
        "indexed",
        change(SPEC, "# Title of double", "# Doubling"),
        f"{SPEC}:1: must be once in a table of specs/README.md, as [Doubling](functions/double.md), got nothing",
    ),
    (
        "readable",
        change(SPEC, "y = 2 x", r"y = \exp x"),
        f"{SPEC}:24: the argument of \\exp must stand in brackets, got x",
    ),
    (
        "readable",
        change(SPEC, "One row.\n\n```", "| symbol | meaning |\n|---|---|\n\n```"),
        f"{SPEC}:11: the columns must be symbol, code, meaning, shape, got symbol, meaning",
    ),
    (
        "macros",
        change(SPEC, "y = 2 x", "y = \\operatorname{two} x"),
        f"{SPEC}:24: a macro must be one of house.mathematics.MACROS, got \\operatorname",
    ),
    (
        "macros",
        change(SPEC, "$`x`$", "$`\\phantom{x}`$"),
        f"{SPEC}:7: a macro must be one of house.mathematics.MACROS, got \\phantom",
    ),
    (
        "references",
        change(SPEC, "One row.", "One row of (chain.1)."),
        f"{SPEC}:11: an equation must be named by a link, [chain.1](...), got chain.1",
    ),
    (
        "packages",
        create("tests/reference/__init__.py"),
        "tests/reference/__init__.py:1: tests are no package, got an __init__.py",
    ),
    (
        "asserting",
        create("tests/test_more.py", "def test_same():\n    return 1 == 1\n"),
        "tests/test_more.py:2: a test must return nothing, got a value from test_same",
    ),
    (
        "asserting",
        create("tests/test_more.py", "def test_same():\n    1 == 1\n"),
        "tests/test_more.py:1: a test must assert its claim, got no assertion in test_same",
    ),
    (
        "asserting",
        create("tests/test_more.py", "class TestAll:\n    def test_same(self):\n        print(1)\n"),
        "tests/test_more.py:2: a test must assert its claim, got no assertion in test_same",
    ),
    (
        "stated",
        change(TESTS, "rtol=1e-12, atol=0", "rtol=1e-12"),
        f"{TESTS}:7: must state rtol and atol, got np.testing.assert_allclose(a, b, rtol=1e-12)",
    ),
    (
        "stated",
        change(TESTS, "  # loose, for the sample", ""),
        f"{TESTS}:19: a tolerance above 1e-06 must have its reason on the line, got rtol=0.001",
    ),
    (
        "stated",
        create("tests/test_more.py", "loose = {\n    'rtol': 0.5,\n}\n"),
        "tests/test_more.py:2: a tolerance above 1e-06 must have its reason on the line, got rtol=0.5",
    ),
    (
        "drawn",
        change(TESTS, "def test_claim():\n", "rng = random.default_rng(1)\n\n\ndef test_claim():\n    rng\n"),
        f"{TESTS}:13: a test must draw from a generator of its own, got rng of the module",
    ),
    (
        "drawn",
        change(TESTS, "def test_claim():\n", "rng = default_rng(1)\n\n\ndef test_claim():\n    rng\n"),
        f"{TESTS}:13: a test must draw from a generator of its own, got rng of the module",
    ),
    (
        "proved",
        change(TESTS, "    prove(None)\n", ""),
        f"{TESTS}:1: must call prove on its gradients, got no such call",
    ),
    (
        "proved",
        change(TESTS, '    caught({"x"}, None)', "    assert True"),
        f"{TESTS}:1: must call caught on a wrong version, got no such call",
    ),
    (
        "run",
        create("tests/more/test_more.py"),
        "tests/more/test_more.py:1: must be run by an environment of tox.ini, got only tests/reference",
    ),
    ("brief", change(DESCENT, "\n", "\n" * 199), f"{DESCENT}:201: a file must have at most 200 lines, got 201"),
    (
        "safe",
        create("reference/job/load.py", "import pickle\n"),
        "reference/job/load.py:1: no data is executed, got import of pickle",
    ),
    (
        "safe",
        create("reference/job/load.py", "x = eval('1')\n"),
        "reference/job/load.py:1: no data is executed, got eval('1')",
    ),
    (
        "safe",
        create("reference/job/load.py", "import numpy as np\nx = np.load('x', allow_pickle=True)\n"),
        "reference/job/load.py:2: no data is executed, got allow_pickle",
    ),
    ("finished", change(SPEC, "Exact.", "TO" + "DO"), f"{SPEC}:70: must be finished, got " + "TO" + "DO"),
]
