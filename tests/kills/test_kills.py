"""A run that is killed again and again, wherever it is, ends with the bits of one that never was."""

import json
import subprocess
import sys
from pathlib import Path

KILLS = 200


def test_two_hundred_kills_change_no_bit_of_any_file(tmp_path):
    script = Path(__file__).with_name("killed.py")
    done = subprocess.run([sys.executable, script, tmp_path, str(KILLS)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["kills"] >= KILLS
    assert found["drafts"] > 0  # some came in the middle of a write
    assert found["runs"] > 0
    assert found["different"] == []
