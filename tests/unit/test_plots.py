"""Pictures show the numbers they are made of, with units, and are written whole or not at all."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import circuitxbar as cx
from circuitxbar.ideal import ideal_solution, line_currents, loss
from circuitxbar.nn.training import Epoch
from circuitxbar.plots.canvas import in_prefixed_unit

RNG = np.random.default_rng(11)
CONDUCTANCES = RNG.uniform(1e-6, 1e-4, (5, 4))
VOLTAGES = RNG.uniform(0.05, 0.2, (3, 5))
CROSSBAR = cx.Crossbar(CONDUCTANCES, wires=cx.Wires(2.0, 3.0), left=cx.Driven(40.0))
HISTORY = [Epoch(2.0, 0.2), Epoch(1.0, 0.7), Epoch(0.5, 0.9)]


@pytest.fixture(scope="module")
def solution():
    return cx.solve(CROSSBAR, VOLTAGES)


def shown_map(figure: Figure) -> np.ndarray:
    (image,) = figure.axes[0].get_images()
    return np.ma.filled(image.get_array(), np.nan)


# --- the ideal array -----------------------------------------------------------------------------


def test_ideal_currents_are_the_product(solution):
    ideal = ideal_solution(solution)
    np.testing.assert_allclose(line_currents(ideal), VOLTAGES @ CONDUCTANCES, rtol=1e-12)
    lost = 1.0 - solution.currents / (VOLTAGES @ CONDUCTANCES)
    np.testing.assert_allclose(loss(solution, ideal), lost.max(axis=1), rtol=1e-9)


@pytest.mark.parametrize(
    ("ends", "drive"),
    [
        ({"right": cx.Driven(10.0)}, VOLTAGES),
        ({"top": cx.Grounded(10.0)}, VOLTAGES),
        ({"bottom": cx.Floating(), "top": cx.Grounded()}, VOLTAGES),
        ({"left": cx.Driven([np.inf, 1, 1, 1, 1]), "right": cx.Driven(3.0)}, VOLTAGES),
    ],
)
def test_ideal_lines_count_once_though_they_end_twice(ends, drive):
    crossbar = cx.Crossbar(CONDUCTANCES, **{"left": cx.Driven(40.0), **ends})
    ideal = ideal_solution(cx.solve(crossbar, drive))
    np.testing.assert_allclose(line_currents(ideal), drive @ CONDUCTANCES, rtol=1e-12)


def test_ideal_of_held_columns_and_of_a_transposed_array():
    held = cx.Crossbar(CONDUCTANCES, bottom=cx.Held(0.1, 5.0), top=cx.Held(0.1, 5.0))
    ideal = line_currents(ideal_solution(cx.solve(held, VOLTAGES)))
    np.testing.assert_allclose(ideal, (VOLTAGES - 0.1) @ CONDUCTANCES, rtol=1e-10)
    across = cx.solve(CROSSBAR.transpose(), VOLTAGES[:, :4])
    expected = VOLTAGES[:, :4] @ CONDUCTANCES.T
    np.testing.assert_allclose(line_currents(ideal_solution(across)), expected, rtol=1e-12)


def test_ideal_of_rows_and_columns_driven_together():
    crossbar = cx.Crossbar(CONDUCTANCES, bottom=cx.Driven())
    columns = np.array([0.1, 0.0, 0.05, 0.0])
    ideal = ideal_solution(cx.solve(crossbar, VOLTAGES, columns))
    expected = VOLTAGES @ CONDUCTANCES - columns * CONDUCTANCES.sum(axis=0)
    np.testing.assert_allclose(line_currents(ideal), expected, rtol=1e-10)


def test_where_there_is_no_ideal_it_is_refused():
    torn = cx.Crossbar(CONDUCTANCES, right=cx.Held(0.0))
    with pytest.raises(cx.CircuitError, match="left and right hold lines at different voltages"):
        ideal_solution(cx.solve(torn, VOLTAGES))
    short = cx.solve(cx.Crossbar([[np.inf]]), [0.1])
    with pytest.raises(cx.CircuitError):
        ideal_solution(short)


def test_loss_is_undefined_where_nothing_should_flow():
    solution = cx.solve(CROSSBAR, np.vstack([np.zeros(5), VOLTAGES[0]]))
    lost = loss(solution, ideal_solution(solution))
    assert np.isnan(lost[0])
    assert lost[1] > 0


# --- the pictures --------------------------------------------------------------------------------


def test_ir_drop_maps_the_missing_voltage(solution):
    figure = cx.plots.ir_drop(solution, vector=2)
    ideal = np.broadcast_to(VOLTAGES[2][:, None], (5, 4))
    percent = 100 * (ideal - solution.cell_voltages[2]) / VOLTAGES[2].max()
    np.testing.assert_allclose(shown_map(figure), percent, rtol=1e-6)
    axes, bar = figure.axes
    assert axes.get_xlabel() == "column (sensed at the bottom)"
    assert axes.get_ylabel() == "row (driven at the left)"
    assert "%" in bar.get_ylabel()
    assert axes.get_title(loc="left") == f"IR drop, up to {percent.max():.3g} %"


def test_ir_drop_is_the_same_for_either_sign(solution):
    mirrored = cx.solve(CROSSBAR, -VOLTAGES[0])
    np.testing.assert_allclose(
        shown_map(cx.plots.ir_drop(mirrored)), shown_map(cx.plots.ir_drop(solution)), rtol=1e-9
    )


def test_currents_show_ideal_and_solved(solution):
    figure = cx.plots.currents(solution, vector=1)
    (axes,) = figure.axes
    ideal, solved, _ = (patch.get_data().values for patch in axes.patches)
    np.testing.assert_allclose(ideal, 1e6 * (VOLTAGES[1] @ CONDUCTANCES), rtol=1e-9)
    np.testing.assert_allclose(solved, 1e6 * solution.currents[1], rtol=1e-12)
    assert axes.get_ylabel() == "sensed current (µA)"
    assert axes.get_xlabel() == "column"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["ideal wires", "solved"]
    lost = loss(solution, ideal_solution(solution))[1]
    assert f"{100 * lost:.3g} %" in axes.get_title(loc="left")


def test_conductances_leave_shorts_grey():
    figure = cx.plots.conductances(cx.Crossbar([[1e-5, np.inf], [0.0, 2e-5]]))
    np.testing.assert_allclose(shown_map(figure), [[10.0, np.nan], [0.0, 20.0]])
    assert figure.axes[1].get_ylabel() == "conductance (µS)"


def test_training_shows_one_line_per_run():
    figure = cx.plots.training({"wires": HISTORY, "no wires": HISTORY[:2]})
    left, right = figure.axes
    assert [line.get_label() for line in left.lines] == ["wires", "no wires"]
    np.testing.assert_array_equal(left.lines[0].get_xydata(), [[1, 2.0], [2, 1.0], [3, 0.5]])
    np.testing.assert_allclose(right.lines[1].get_ydata(), [20.0, 70.0])
    assert left.get_ylabel() == "cross entropy (nats)"
    assert right.get_ylabel() == "training accuracy (%)"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["wires", "no wires"]
    assert not cx.plots.training(HISTORY).legends


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda s: cx.plots.ir_drop(s, vector=3), "vector = 3: the solution holds 3"),
        (lambda s: cx.plots.ir_drop(s, vector=-1), "vector = -1"),
        (lambda s: cx.plots.currents(CROSSBAR), "is not a Solution"),
        (lambda s: cx.plots.conductances(s), "is not a Crossbar"),
        (lambda s: cx.plots.ir_drop(cx.solve(CROSSBAR, VOLTAGES, keep="currents")), "currents"),
        (lambda s: cx.plots.ir_drop(cx.solve(CROSSBAR, np.zeros(5))), "drives no cell"),
        (lambda s: cx.plots.training([]), "is empty"),
        (lambda s: cx.plots.training({}), "is empty"),
        (lambda s: cx.plots.training([0.5]), "a list of Epoch"),
        (lambda s: cx.plots.training(0.5), "a list of Epoch"),
    ],
)
def test_what_cannot_be_drawn_is_refused(solution, draw, message):
    with pytest.raises(cx.CircuitxbarError, match=message):
        draw(solution)


@pytest.mark.parametrize(
    ("values", "scaled", "unit"),
    [
        ([1e-5, -2e-6], [10.0, -2.0], "µA"),
        ([0.0], [0.0], "A"),
        ([1.0, 999.0], [1.0, 999.0], "A"),
        ([1e-3], [1.0], "mA"),
        ([2e-18], [2e-3], "fA"),
        ([np.inf, 5e3], [np.inf, 5.0], "kA"),
    ],
)
def test_units_take_the_prefix_of_the_largest_value(values, scaled, unit):
    found, name = in_prefixed_unit(np.array(values), "A")
    np.testing.assert_allclose(found, scaled, rtol=1e-12)
    assert name == unit


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_pictures_are_files_that_repeat(tmp_path, solution, ending, start):
    path, again = tmp_path / f"map.{ending}", tmp_path / f"again.{ending}"
    cx.plots.save(cx.plots.ir_drop(solution), path)
    cx.plots.save(cx.plots.ir_drop(solution), again)
    assert path.read_bytes().startswith(start)
    assert path.read_bytes() == again.read_bytes()
    assert b"CreationDate" not in path.read_bytes()
    assert b"dc:date" not in path.read_bytes()


def test_a_picture_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    figure = cx.plots.training(HISTORY)
    with pytest.raises(cx.CircuitError, match=r"map\.gif: a picture ends in"):
        cx.plots.save(figure, tmp_path / "map.gif")
    with pytest.raises(cx.NetlistError, match="cannot be written"):
        cx.plots.save(figure, tmp_path / "none" / "map.png")
    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cx.plots.save(figure, tmp_path / "map.png")
    assert not list(tmp_path.iterdir())


def test_pictures_need_no_window_and_leave_settings_alone(tmp_path):
    code = (
        "import sys; from matplotlib import rcParams; import circuitxbar as cx\n"
        "def settings(): return [rcParams[k] for k in ('font.size', 'grid.color')]\n"
        "before = settings(); figure = cx.plots.conductances(cx.Crossbar([[1e-5]]))\n"
        f"cx.plots.save(figure, {str(tmp_path / 'g.png')!r})\n"
        "assert settings() == before; assert 'matplotlib.pyplot' not in sys.modules"
    )
    root = Path(cx.__file__).parents[1]
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=root, check=True)
    assert (tmp_path / "g.png").exists()


def test_plots_load_matplotlib_only_to_draw():
    code = "import sys; import circuitxbar.plots; assert 'matplotlib' not in sys.modules"
    root = Path(cx.__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


LOW_PASS = cx.Circuit("low pass").add(
    cx.VoltageSource("v1", "in", "0", 0.0, cx.Pulse(0.0, 2.0, 1e-6, 1e-8, 1e-8), ac=1.0),
    cx.Resistor("r1", "in", "out", 1e3),
    cx.Capacitor("c1", "out", "0", 1e-9),
)


def test_curves_over_time_have_a_panel_for_each_unit():
    found = cx.transient(LOW_PASS, stop=5e-6)
    figure = cx.plots.curves(found, ["v(out)", "i(v1)", "v(in, out)"])
    volts, amperes = figure.axes
    np.testing.assert_allclose(volts.lines[0].get_xdata(), 1e6 * found.time, rtol=1e-12)
    np.testing.assert_allclose(volts.lines[0].get_ydata(), found.voltage("out"), rtol=1e-12)
    across = found.voltage("in") - found.voltage("out")
    np.testing.assert_allclose(volts.lines[1].get_ydata(), across, rtol=1e-12)
    np.testing.assert_allclose(amperes.lines[0].get_ydata(), 1e3 * found.current("v1"), rtol=1e-12)
    assert volts.get_ylabel() == "voltage (V)"
    assert amperes.get_ylabel() == "current (mA)"
    assert amperes.get_xlabel() == "time (µs)"
    assert [line.get_label() for line in volts.lines] == ["v(out)", "v(in, out)"]
    colours = [line.get_color() for line in (*volts.lines, *amperes.lines)]
    assert len(set(colours)) == 3


def test_curves_of_a_sweep_have_its_source_as_axis():
    figure = cx.plots.curves(cx.dc_sweep(LOW_PASS, "v1", [0.0, 0.1, 0.2]), ["v(out)"])
    (axes,) = figure.axes
    assert axes.get_xlabel() == "v1 (mV)"
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[0, 0], [100, 100], [200, 200]])


def test_curves_over_frequency_show_decibel_and_phase():
    frequency = np.geomspace(1e3, 1e7, 9)
    figure = cx.plots.curves(cx.ac(LOW_PASS, frequency), ["v(out)", "v(in,in)"])
    size, phase = figure.axes
    response = 1.0 / (1.0 + 2j * np.pi * frequency * 1e-6)
    decibel = 20.0 * np.log10(np.abs(response))
    np.testing.assert_allclose(size.lines[0].get_ydata(), decibel, atol=1e-9)
    degrees = np.degrees(np.angle(response))
    np.testing.assert_allclose(phase.lines[0].get_ydata(), degrees, atol=1e-9)
    assert np.isnan(size.lines[1].get_ydata()).all()
    assert size.get_xscale() == phase.get_xscale() == "log"
    assert size.get_ylabel() == "amplitude (dB)"


@pytest.mark.parametrize(
    ("probes", "message"),
    [
        (["v(far)"], "there is no node 'far'"),
        (["i(r9)"], "there is no element 'r9'"),
        (["v(in"], "cannot be drawn"),
        (["i(v1,r1)"], "cannot be drawn"),
        ([3], "3 cannot be drawn"),
        ("v(in)", "expected a list"),
        ([], "expected a list"),
    ],
)
def test_curves_that_cannot_be_drawn_are_refused(probes, message):
    found = cx.dc_sweep(LOW_PASS, "v1", [0.0, 0.1])
    with pytest.raises(cx.CircuitError, match=message.replace("(", r"\(")):
        cx.plots.curves(found, probes)
    with pytest.raises(cx.CircuitError, match="are no Curves"):
        cx.plots.curves("nothing", ["v(in)"])  # pyright: ignore[reportArgumentType]
