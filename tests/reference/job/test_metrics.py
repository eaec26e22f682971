import json

import pytest

from reference.job import metrics


def test_each_record_is_a_line_of_json(tmp_path):
    records = [{"epoch": 1, "loss": 0.1 + 0.2}, {"epoch": 2, "loss": 1e-300}]
    metrics.write(tmp_path / "metrics.jsonl", records)
    assert [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == records


def test_no_record_makes_an_empty_file(tmp_path):
    metrics.write(tmp_path / "metrics.jsonl", [])
    assert (tmp_path / "metrics.jsonl").read_bytes() == b""


def test_what_is_no_json_is_never_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        metrics.write(tmp_path / "metrics.jsonl", [{"loss": float("nan")}])
    assert list(tmp_path.iterdir()) == []
