"""A run that is killed again and again, wherever it is, ends with the bits of one that never was."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(("task", "kills"), [("copy", 200), ("text", 60)])
def test_hundreds_of_kills_change_no_bit_of_any_file(tmp_path, task, kills):
    script = Path(__file__).with_name("killed.py")
    done = subprocess.run([sys.executable, script, tmp_path, task, str(kills)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["kills"] >= kills
    assert found["drafts"] > 0  # some came in the middle of a write
    assert found["runs"] > 0
    assert found["different"] == []
