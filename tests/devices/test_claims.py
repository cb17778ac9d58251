"""What a file says of its law, `monotone` and `passive`, is held against the law."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.devices.device import Device
from circuitxbar.devices.library import device, device_names
from circuitxbar.errors import ModelError

TWO = ('["p", "n"]', "v = [-1.0, 1.0]")
THREE = ('["d", "g", "s"]', "v_d = [-1.0, 1.0], v_g = [-1.0, 2.0], v_s = [-1.0, 1.0]")


def claiming(
    folder: Path, law: str, *claims: str, gated: bool = False, valid: str = "", more: str = ""
) -> Device:
    terminals, everywhere = THREE if gated else TWO
    g = ", g = [0.0, 1e-2]" if re.search(r"\bg\b", law) else ""
    lines = [f"{claim} = {str(claim in claims).lower()}" for claim in ("passive", "monotone")]
    text = "\n".join(
        [
            'name = "own"\ntitle = "A law for a test"\nsource = "written for this test"',
            f"terminals = {terminals}",
            *lines,
            more,
            f'[current]\nlaw = "{law}"\nvalid = {{ {valid or everywhere}{g} }}\n',
        ]
    )
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return device(path)


def refusal(model: Device) -> str:
    with pytest.raises(ModelError) as caught:
        model.check_claims()
    message = str(caught.value)
    assert message.startswith(model.where)
    assert message.isprintable()
    return message


def told(message: str) -> dict[str, float]:
    """The numbers of the counterexample, by their names."""
    return {name: float(x) for name, x in re.findall(r"(\w+) = (-?[\d.e+-]+) [VSKAW]", message)}


@pytest.mark.parametrize(
    "law",
    [
        "g * v * exp(1 - abs(v) / 0.1)",
        "g * (v - 0.4 * v**3)",
        "g * (v - 0.03 * tanh(v / 0.02))",  # falls near 0 V only
        "g * v - 1e-9 * v",  # where g is small only
        "1e-14 * (exp(v / 0.026) - 1) - 1e-12 * tanh(v / 0.01)",  # large elsewhere
    ],
)
def test_a_slope_below_0_is_refused_and_told(tmp_path: Path, law: str):
    model = claiming(tmp_path, law, "monotone")
    message = refusal(model)
    assert "claims monotone = true, but di/dv = -" in message
    assert message.endswith("Set monotone = false, or narrow valid.v.")
    point = told(message)
    arguments = [point[name] for name in model.valid]
    # The point is told with four digits, the slope with two.
    slope = re.search(r"di/dv = (\S+) S", message)
    assert slope is not None
    assert model.slope(*arguments) == pytest.approx(float(slope[1]), rel=0.06)
    claiming(tmp_path, law).check_claims()


def test_a_pole_is_seen_though_no_slope_is_below_0(tmp_path: Path):
    model = claiming(tmp_path, "g * v / (0.3 - v)", "monotone")
    v = np.linspace(-1, 1, 1000)
    assert (model.slope(v, 1e-3) > 0).all()
    message = refusal(model)
    changes = re.search(r"but i changes by (\S+) A from v = (\S+) V.* to v = (\S+) V", message)
    assert changes is not None
    change, before, after = map(float, changes.groups())
    assert change < 0
    assert before < 0.3 < after
    claiming(tmp_path, "g * v / (0.3 - v)", "monotone", valid="v = [-1.0, 0.29]").check_claims()


@pytest.mark.parametrize(
    "law", ["g * v / (0.3 - v)", "-g * v", "g * v + 1e-9", "g * abs(v)", "g * (v - 2 * v**3)"]
)
def test_power_that_comes_out_of_a_device_is_refused_and_told(tmp_path: Path, law: str):
    model = claiming(tmp_path, law, "passive")
    message = refusal(model)
    assert "claims passive = true, but v * i = -" in message
    assert message.endswith("Set passive = false, or narrow valid.v.")
    point = told(message)
    assert point["v"] * model.current(point["v"], point["g"]) < 0
    claiming(tmp_path, law).check_claims()


@pytest.mark.parametrize(
    ("law", "claim", "told"),
    [
        ("1e-4 * v_ds * exp(-v_ds**2)", "monotone", "di/dv_d = -"),
        ("1e-4 * v_ds * (1 + 3 * max(v_s, 0))", "monotone", "-di/dv_s = -"),
        ("1e-4 * v_ds / (1.234 - v_ds)", "monotone", "i changes by -"),
        ("1e-4 * tanh(v_d - 2 * v_s)", "passive", "v_ds * i = -"),
        ("1e-4 * v_ds * tanh(v_g)", "passive", "v_ds * i = -"),
    ],
)
def test_of_three_terminals_drain_and_source_are_looked_at(
    tmp_path: Path, law: str, claim: str, told: str
):
    assert f"claims {claim} = true, but {told}" in refusal(
        claiming(tmp_path, law, claim, gated=True)
    )
    claiming(tmp_path, law, gated=True).check_claims()


@pytest.mark.parametrize(
    "law",
    [
        "g * tanh(v / 1e-4)",  # its slope fades to 0
        "g * (exp(v / 0.01) - exp(-v / 0.01)) / (exp(v / 0.01) + exp(-v / 0.01))",
        "g * (max(v - 0.5, 0) + min(v + 0.5, 0))",  # nothing flows in between
        "g * (v - 0.02 * tanh(v / 0.02))",  # slope and current cancel near 0 V
        "g * (v / 10 - tanh(v / 10))",
        "g * v / sqrt(1 + (v / 1e-7)**2)",
        "g * v / (1 + abs(v) / 1e-9)",
        "1e-9 * (exp(v / 0.0259) - 1)",  # loses its digits near 0 V
        "g * (log1p(v + 1) - log1p(1))",
        "g * asinh(v / 1e-9)",
    ],
)
def test_rounding_is_no_counterexample(tmp_path: Path, law: str):
    valid = "v = [-1.0, 1.0]" if "log1p" not in law else "v = [-0.9, 1.0]"
    claiming(tmp_path, law, "monotone", "passive", valid=valid).check_claims()


def test_what_rounding_leaves_of_a_current_is_no_counterexample(tmp_path: Path):
    """Backwards next to nothing flows, up and down with the last digit of v."""
    model = claiming(tmp_path, "g * (v + sqrt(v**2 + 1e-20)) / 2", "monotone")
    assert (np.diff(model.current(-np.geomspace(1e-2, 1e-5, 1000), 1e-3)) < 0).any()
    model.check_claims()


def test_rounding_alone_would_be_one(tmp_path: Path):
    """The slope of the second law above, as it is computed, falls below 0 at many points."""
    law = "g * (exp(v / 0.01) - exp(-v / 0.01)) / (exp(v / 0.01) + exp(-v / 0.01))"
    slopes = claiming(tmp_path, law).slope(np.linspace(-1, 1, 1000), 1e-3)
    assert (slopes < 0).any()


@pytest.mark.parametrize(
    ("law", "claims", "message"),
    [
        (
            "g * log(v)",
            (),
            "the current is not finite at v = -1 V, g = 1e-11 S. Its law: log needs",
        ),
        ("g * v * exp(1e3 * v)", (), "the current is not finite at v = 0.7"),
        ("g * v * abs(v)**0.5", ("monotone",), "di/dv = nan S at v = 0 V"),
    ],
)
def test_a_law_without_a_number_in_its_range_is_refused(
    tmp_path: Path, law: str, claims: tuple[str, ...], message: str
):
    assert message in refusal(claiming(tmp_path, law, *claims))


@pytest.mark.parametrize("name", device_names())
def test_what_comes_with_the_library_is_true_whatever_its_parameters(name: str):
    model = device(name)
    model.check_claims()
    rng = np.random.default_rng(8)
    sets = {
        key: np.concatenate([parameter.range, rng.uniform(*parameter.range, 10)])
        for key, parameter in model.parameters.items()
    }
    for several in sets.values():
        rng.shuffle(several)
    for temperature in (1.0, 77.0, 300.15, 2000.0):
        model.check_claims(temperature, sets)


BENT = """[parameters.bend]
unit = "1/V^2"
default = 0.5
range = [-1.0, 100.0]
meaning = "cubic part"
"""
LAW = "g * (v + bend * (1 + 0 * temperature) * v**3)"


def test_the_parameters_of_every_cell_are_looked_at(tmp_path: Path):
    model = claiming(tmp_path, LAW, "monotone", more=BENT)
    bends = np.full((3, 4), 0.5)
    Crossbar(np.full((3, 4), 1e-5), model, parameters={"bend": bends})
    bends[1, 2] = -0.9
    with pytest.raises(ModelError, match=r"di/dv = -0\.017 S at v = -1 V, .*, bend = -0\.9 1/V\^2"):
        Crossbar(np.full((3, 4), 1e-5), model, parameters={"bend": bends})
    with pytest.raises(ModelError, match=r"bend = -0\.9 1/V\^2"):
        Crossbar(np.full((3, 4), 1e-5), model, parameters={"bend": -0.9})
    with pytest.raises(ModelError, match=r"bend = -0\.9 1/V\^2"):
        Crossbar(np.full((3, 4), 1e-5), device(model, bend=-0.9))
    conductances = np.full((3, 4), 1e-5)
    conductances[1, 2] = 0.0  # no cell is there
    Crossbar(conductances, model, parameters={"bend": bends})


def test_selectors_and_transistors_are_looked_at(tmp_path: Path):
    selector = claiming(tmp_path, "1e-6 * (v + bend * v**3)", "monotone", more=BENT)
    Crossbar([[1e-5]], selector=selector)
    with pytest.raises(ModelError, match=r"claims monotone.*bend = -0\.9"):
        Crossbar([[1e-5]], selector=selector, parameters={"selector.bend": -0.9})
    with pytest.raises(ModelError, match=r"claims passive.*v_ds \* i"):
        Crossbar(
            [[1e-5]], transistor=claiming(tmp_path, "1e-4 * v_ds * v_g", "passive", gated=True)
        )


def test_the_temperature_of_the_cells_counts(tmp_path: Path):
    law = "g * (v + (temperature - 250) / 100 * v**3)"
    model = claiming(tmp_path, law, "monotone")
    Crossbar([[1e-5]], model)
    with pytest.raises(ModelError, match=r"di/dv = -.*temperature = 200 K"):
        Crossbar([[1e-5]], model, temperature=200.0)


def test_cold_cells_may_leave_the_range_of_numbers():
    """exp(q v / k T) of the diode's 2 V is beyond them at 20 K; its file says nothing of 20 K."""
    Crossbar([[1]], "diode", temperature=20.0)
