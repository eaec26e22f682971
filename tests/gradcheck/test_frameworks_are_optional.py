"""Nothing needs a framework that is not used, and one that is missing is named."""

import subprocess
import sys

import pytest

from gradcheck.adapters import jax_function, torch_function


def test_importing_the_adapters_imports_no_framework():
    code = "import sys, gradcheck.adapters; print({'torch', 'jax'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(("adapter", "name"), [(torch_function, "torch"), (jax_function, "jax")])
def test_a_missing_framework_is_named_with_what_installs_it(adapter, name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError) as error:
        adapter(abs)
    assert str(error.value) == f"gradcheck: {name}_function needs {name}: pip install {name}"
