"""The benchmarks' own arithmetic; the figures themselves are measured by ``cv-course bench``."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

import bench
from scaling import exponent


def contest(**changes) -> bench.Contest:
    values = {"what": "a thing", "unit": "s", "samples": {"ours": [2.0, 1.0, 9.0], "peer": [6.0]}}
    return bench.Contest(**{**values, **changes})


def test_the_ratio_of_medians_says_how_many_times_better_ours_is():
    assert contest().times_better("peer") == 3
    assert contest(less=False).times_better("peer") == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("changes", "reached"),
    [
        ({}, None),
        ({"limit": 2}, True),
        ({"limit": 1.9}, False),
        ({"limit": 1.9, "less": False}, True),
        ({"limit": 2.1, "less": False}, False),
        ({"ratios": {"peer": 3}}, True),
        ({"ratios": {"peer": 3.1}}, False),
        ({"limit": 2, "ratios": {"peer": 3.1}}, False),
        ({"ratios": {"a peer that is not installed": 100}}, None),
    ],
)
def test_a_target_is_reached_or_missed(changes, reached):
    assert contest(**changes).reached() is reached


def test_a_missed_target_stays_in_the_table_with_its_ratio():
    rows = bench.lines(contest(limit=1, ratios={"peer": 4}, note="mind this"))
    assert "✗ missed" in rows[0]
    assert "3.00 x, target 4" in rows[1]
    assert rows[2].strip() == "(mind this)"


def test_ways_take_turns_and_a_missing_library_costs_only_its_own_row(capsys):
    order = []

    def absent(_):
        raise ModuleNotFoundError("No module named 'peer'")

    def here(name):
        return lambda number: order.append((name, number)) or float(number)

    samples = bench.take_turns({"ours": here("a"), "peer": absent, "other": here("b")}, 2)
    assert samples == {"ours": [0, 1], "other": [0, 1]}
    assert order == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert "pip install" in capsys.readouterr().err


def test_the_exponent_of_a_power_is_its_exponent():
    assert exponent([1, 2, 4, 8], [3 * n**1.5 for n in (1, 2, 4, 8)]) == pytest.approx(1.5)


def test_an_unknown_name_is_refused_with_the_names_that_exist(tmp_path):
    with pytest.raises(ValueError, match="training, loop"):
        bench.run(["speed"], out=tmp_path)


def test_a_run_writes_the_table_json_and_figure(tmp_path, capsys, monkeypatch):
    module = "from bench import Contest\n\ndef contests(rounds):\n    print('noise')\n"
    module += "    return [Contest('made up', 's', {'ours': [1.0] * rounds, 'peer': [2.0]})]\n"
    (tmp_path / "made.py").write_text(module)
    monkeypatch.setattr(bench, "NAMES", ("made",))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert bench.run(rounds=3, out=tmp_path / "out") == 0
    assert "2.00 x" in capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "bench.json").read_text())
    assert report["contests"]["made"][0]["samples"]["ours"] == [1, 1, 1]
    assert "torch" in report["machine"]
    assert (tmp_path / "out" / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_a_benchmark_that_fails_is_named_and_the_others_go_on(tmp_path, capsys, monkeypatch):
    (tmp_path / "broken.py").write_text("def contests(rounds):\n    raise RuntimeError\n")
    monkeypatch.setattr(bench, "NAMES", ("broken",))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert bench.run(out=tmp_path / "out") == 1
    assert "broken: failed" in capsys.readouterr().out
