"""The demonstration keeps what it promises, on seeds its settings were and were not chosen with."""

import json

import pytest

from circuitxbar.cli.demo import FILES, run


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))]
)
def test_wires_lose_and_training_recovers(seed, tmp_path, capsys):
    output = tmp_path / "new" / "demo-out"
    results = run(output, seed)
    printed = " ".join(capsys.readouterr().out.split())
    hard, easy, curved = results["cases"]
    software = results["software_accuracy"]
    assert software > 0.94
    for linear in (hard, easy):
        assert linear["ideal_wires"] == pytest.approx(software, abs=1e-12)
    assert curved["ideal_wires"] < software  # the cells alone already cost something
    for difficult in (hard, curved):
        assert difficult["resistive_wires"] <= software - 0.05
        assert difficult["trained_through_circuit"] >= software - 0.015
        assert f"{100 * difficult['trained_through_circuit']:.2f} %" in printed
        assert difficult["training_seconds"] > 0
        assert difficult["parity"]["worst"] < 1e-9
    assert easy["resistive_wires"] >= software - 0.015
    errors = [case["worst_current_errors"] for case in (easy, hard, curved)]
    for of_easy, of_hard, of_curved in zip(*errors, strict=True):
        assert 0 < of_easy < of_hard < of_curved < 1
    assert curved["parity"]["engine"] == "array"
    assert sorted(path.name for path in output.iterdir()) == sorted(FILES)
    assert json.loads((output / "results.json").read_text())["seed"] == seed
