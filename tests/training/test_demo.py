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
    hard, easy = results["cases"]
    software = results["software_accuracy"]
    assert software > 0.94
    assert hard["ideal_wires"] == pytest.approx(software, abs=1e-12)
    assert hard["resistive_wires"] <= software - 0.05
    assert hard["trained_through_circuit"] >= software - 0.015
    assert easy["resistive_wires"] >= software - 0.015
    for easier, harder in zip(
        easy["worst_current_errors"], hard["worst_current_errors"], strict=True
    ):
        assert 0 < easier < harder
    assert results["parity"]["worst"] < 1e-9
    assert sorted(path.name for path in output.iterdir()) == sorted(FILES)
    assert json.loads((output / "results.json").read_text())["seed"] == seed
    assert f"{100 * hard['trained_through_circuit']:.2f} %" in capsys.readouterr().out
