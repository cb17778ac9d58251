"""Array files: every key arrives in the Crossbar, and whatever is wrong is named."""

import numpy as np
import pytest

from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.terminations import SIDES, Driven, Floating, Grounded, Held, Norton
from circuitxbar.circuit.wires import Wires
from circuitxbar.cli.array_file import read_array
from circuitxbar.cli.number_files import read_table, read_vectors
from circuitxbar.devices.library import device
from circuitxbar.errors import CircuitError, CircuitxbarError
from circuitxbar.solving import solve

CONDUCTANCES = np.array([[1e-5, 0.0, 3e-5], [4e-5, 5e-5, np.inf]])
IN_LINE = "conductances = [[1e-5, 0.0, 3e-5], [4e-5, 5e-5, inf]]\n"


@pytest.fixture
def array(tmp_path):
    """Write text as array.toml and read it."""

    def read(text: str) -> Crossbar:
        path = tmp_path / "array.toml"
        path.write_text(text, encoding="utf-8")
        return read_array(path)

    return read


def assert_same(one: Crossbar, other: Crossbar) -> None:
    np.testing.assert_array_equal(one.conductances, other.conductances)
    assert one.devices.keys() == other.devices.keys()
    for prefix, mine in one.devices.items():
        assert mine.text == other.devices[prefix].text
    assert one.gate_lines == other.gate_lines
    assert one.parameters.keys() == other.parameters.keys()
    for name, value in one.parameters.items():
        np.testing.assert_array_equal(value, other.parameters[name])
    assert one.temperature == other.temperature
    np.testing.assert_array_equal(one.cell_capacitance, other.cell_capacitance)
    for name, value in vars(one.wires).items():
        np.testing.assert_array_equal(value, getattr(other.wires, name))
    for side in SIDES:
        mine, theirs = getattr(one, side), getattr(other, side)
        assert type(mine) is type(theirs)
        for name, value in vars(mine).items():
            np.testing.assert_array_equal(value, getattr(theirs, name))


def test_conductances_alone_give_the_defaults_of_a_crossbar(array):
    assert_same(array(IN_LINE), Crossbar(CONDUCTANCES))


def test_every_key_arrives(array):
    read = array(
        IN_LINE
        + """
        device = "linear"
        temperature = 250
        cell_capacitance = 1e-16
        [wires]
        row = [2.0, 3.0]
        column = [[1.0, 1.0, 1.0], [0.0, 2.0, inf], [1.0, 1.5, 1.0]]
        row_capacitance = 1e-15
        column_capacitance = 2e-15
        [left]
        kind = "Driven"
        resistance = [100.0, inf]
        [right]
        kind = "Norton"
        conductance = 1e-6
        current = [1e-7, 0.0]
        [top]
        kind = "Held"
        voltage = [0.1, 0.2, 0.3]
        resistance = 1e3
        [bottom]
        kind = "Grounded"
        resistance = 50
        """
    )
    wires = Wires(
        row=[2.0, 3.0],
        column=[[1.0, 1.0, 1.0], [0.0, 2.0, np.inf], [1.0, 1.5, 1.0]],
        row_capacitance=1e-15,
        column_capacitance=2e-15,
    )
    written = Crossbar(
        CONDUCTANCES,
        temperature=250,
        cell_capacitance=1e-16,
        wires=wires,
        left=Driven([100.0, np.inf]),
        right=Norton(1e-6, [1e-7, 0.0]),
        top=Held([0.1, 0.2, 0.3], 1e3),
        bottom=Grounded(50),
    )
    assert_same(read, written)


CELLS = """
    device = "sinh"
    transistor = "ekv_transistor"
    gate_lines = "column"
"""
PARAMETERS = {"v0": 0.3, "transistor.threshold": 0.4, "transistor.slope_factor": 1.5}


@pytest.mark.parametrize(
    "text",
    [
        '[parameters]\nv0 = 0.3\n"transistor.threshold" = 0.4\n"transistor.slope_factor" = 1.5',
        "[parameters]\nv0 = 0.3\ntransistor.threshold = 0.4\ntransistor.slope_factor = 1.5",
        "[parameters]\nv0 = 0.3\n[parameters.transistor]\nthreshold = 0.4\nslope_factor = 1.5",
        "parameters = { v0 = 0.3, transistor = { threshold = 0.4, slope_factor = 1.5 } }",
        '[parameters]\nv0 = 0.3\n"transistor.threshold" = 0.4\ntransistor.slope_factor = 1.5',
    ],
    ids=["quoted", "dotted", "section", "inline", "mixed"],
)
def test_cells_of_two_devices_and_the_parameters_of_each(array, text):
    written = Crossbar(
        CONDUCTANCES,
        "sinh",
        transistor="ekv_transistor",
        gate_lines="column",
        parameters=PARAMETERS,
    )
    assert_same(array(IN_LINE + CELLS + text), written)


def test_parameters_of_cells_come_from_files(array, tmp_path):
    (tmp_path / "v0.csv").write_text("0.2,0.3,0.4\n")
    np.save(tmp_path / "swing.npy", [[0.05, 0.06, 0.07]])
    read = array(
        'conductances = [[1e-5, 2e-5, 3e-5]]\ndevice = "sinh"\nselector = "exponential_selector"\n'
        'parameters = { v0 = "v0.csv", selector.swing = "swing.npy" }'
    )
    np.testing.assert_array_equal(read.parameters["v0"], [[0.2, 0.3, 0.4]])
    np.testing.assert_array_equal(read.parameters["selector.swing"], [[0.05, 0.06, 0.07]])


def test_a_floating_end_has_no_fields(array):
    read = array(IN_LINE + 'right = { kind = "Floating" }')
    assert isinstance(read.right, Floating)


def test_numbers_come_from_files_beside_the_array(array, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    (tmp_path / "g.csv").write_text("# siemens\n1e-5, 0, 3e-5\n\n4e-5, 5e-5, inf\n")
    np.save(tmp_path / "row.npy", [2.0, 3.0])
    np.save(tmp_path / "farads.npy", np.full((2, 3), 1e-16))
    (tmp_path / "volts.csv").write_text("0.1,0.2,0.3\n")
    read = array(
        'conductances = "g.csv"\nwires = { row = "row.npy" }\ncell_capacitance = "farads.npy"\n'
        'top = { kind = "Held", voltage = "volts.csv" }'
    )
    written = Crossbar(
        CONDUCTANCES,
        wires=Wires(row=[2.0, 3.0]),
        top=Held([0.1, 0.2, 0.3]),
        cell_capacitance=np.full((2, 3), 1e-16),
    )
    assert_same(read, written)


def test_one_line_of_conductances_is_one_row(array, tmp_path):
    (tmp_path / "g.csv").write_text("1e-5,2e-5\n")
    assert array('conductances = "g.csv"').shape == (1, 2)


def test_a_device_of_ones_own_lies_beside_the_array(array, tmp_path):
    (tmp_path / "half.toml").write_text(
        'name = "half"\ntitle = "Half"\nsource = "none"\nconfirmed = false\n'
        'terminals = ["p", "n"]\npassive = true\nmonotone = true\n'
        '[current]\nlaw = "0.5 * g * v"\nvalid = { v = [-1.0, 1.0], g = [0.0, 1.0] }\n'
    )
    ideal = "wires = { row = 0.0, column = 0.0 }\n"
    read = array(f'conductances = [[2e-5]]\ndevice = "half.toml"\n{ideal}')
    assert read.device.name == "half"
    np.testing.assert_allclose(solve(read, [0.1]).currents, [1e-6], rtol=1e-12)


@pytest.mark.parametrize("kind", ["selector", "transistor"])
def test_a_selector_or_transistor_of_ones_own_lies_beside_the_array(
    array, tmp_path, monkeypatch, kind
):
    name = {"selector": "exponential_selector", "transistor": "ekv_transistor"}[kind]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "own.toml").write_text(
        device(name).text.replace(f'name = "{name}"', 'name = "own"')
    )
    monkeypatch.chdir(tmp_path / "mine")
    assert getattr(array(IN_LINE + f'{kind} = "mine/own.toml"'), kind).name == "own"


def test_a_saved_crossbar_is_read_back(tmp_path):
    written = Crossbar(CONDUCTANCES, wires=Wires(2.0, 3.0), left=Driven(7.0))
    written.save(tmp_path / "a.npz")
    assert_same(read_array(tmp_path / "a.npz"), written)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "conductances is missing"),
        ("conductances = [[1e-5], [1e-5, 2e-5]]", "conductances is not an array"),
        ("conductances = 1e-5", r"conductances has shape \(\)"),
        ("conductances = [[-1e-6]]", r"conductances\[0, 0\] = -1\.0e-06 S is negative"),
        ("conductances = [[nan]]", r"conductances\[0, 0\] = nan"),
        ("conductances = [[2000.0]]", "a resistance?"),
        ("conductances = [[1979-05-27]]", "conductances must hold real numbers"),
        ('conductances = "none.csv"', r"none\.csv: conductances cannot be read \(No such file"),
        ('conductances = "a\\u0000b.csv"', "is not the name of a file"),
        ('conductances = ""', "conductances cannot be read"),
        (IN_LINE + "wire = 1.0", "unknown key 'wire'. Did you mean 'wires'?"),
        (IN_LINE + "wires = 1.0", r"wires = 1\.0 is not a table"),
        (IN_LINE + "wires = { rows = 1.0 }", "wires: unknown key 'rows'. Did you mean 'row'?"),
        (IN_LINE + "wires = { row = -1.0 }", "Wires.row = -1.0e"),
        (IN_LINE + "wires = { row = [1.0] }", r"Wires.row has shape \(1,\)"),
        (IN_LINE + 'left = "Driven"', "left = 'Driven' is not a table"),
        (IN_LINE + "left = { resistance = 1.0 }", "left: kind is missing"),
        (IN_LINE + 'left = { kind = "Drive" }', "left: kind = 'Drive'"),
        (IN_LINE + "left = { kind = [] }", r"left: kind = \[\]"),
        (IN_LINE + 'top = { kind = "Held" }', "top: a Held end needs voltage and resistance"),
        (IN_LINE + 'top = { kind = "Floating", resistance = 1 }', "Known: none"),
        (IN_LINE + 'device = "lineer"', "Did you mean 'linear'?"),
        (IN_LINE + 'device = "mine/none.toml"', "there is no such file"),
        (IN_LINE + "device = 3", "device = 3"),
        (IN_LINE + "parameters = { v0 = 1.0 }", "'v0'"),
        (IN_LINE + "temperature = -3.0", "temperature"),
        (IN_LINE + 'selector = "exponential_selektor"', "Did you mean 'exponential_selector'?"),
        (IN_LINE + 'selector = "ekv_transistor"', "selector = 'ekv_transistor' has 3 terminals"),
        (IN_LINE + 'transistor = "mine/none.toml"', "mine/none.toml: there is no such file"),
        (IN_LINE + 'transistors = "ekv_transistor"', "Did you mean 'transistor'?"),
        (IN_LINE + 'gate_lines = "rows"', "gate_lines = 'rows': choose"),
        (IN_LINE + CELLS + "parameters.transistor.beta = 1", "no parameter 'transistor.beta'"),
        (IN_LINE + CELLS + "parameters.selector.swing = 1", "no parameter 'selector.swing'"),
        (IN_LINE + CELLS + "parameters.transistor = 1", "no parameter 'transistor'"),
        (
            IN_LINE + CELLS + '[parameters]\n"transistor.threshold" = 1\ntransistor.threshold = 2',
            "'transistor.threshold' is given twice",
        ),
        ("conductances = [[1e-5", "not a TOML file"),
        ("conductances = " + 10_000 * "[", "not a TOML file"),
    ],
)
def test_refusals_name_the_file_and_the_key(array, text, message):
    with pytest.raises(CircuitxbarError, match=message) as refusal:
        array(text)
    assert "array.toml" in str(refusal.value)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"not an archive")
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe")
    for name, message in {
        "none.toml": "No such file",
        "none.npz": "No such file",
        "a.npz": "not a file saved by circuitxbar",
        "a.toml": "not a TOML file",
        "a.txt": r"an array is a \.npz or a \.toml file",
        ".": r"an array is a \.npz or a \.toml file",
    }.items():
        with pytest.raises(CircuitxbarError, match=message):
            read_array(tmp_path / name)


def test_text_of_one_line_is_one_vector(tmp_path):
    path = tmp_path / "v.csv"
    path.write_text("0.1, -2e-1 ,inf\n")
    np.testing.assert_array_equal(read_vectors("voltages", path), [0.1, -0.2, np.inf])
    np.testing.assert_array_equal(read_table("voltages", path), [[0.1, -0.2, np.inf]])
    path.write_text("0.1,0.2\n0.3,0.4\n")
    np.testing.assert_array_equal(read_vectors("voltages", path), [[0.1, 0.2], [0.3, 0.4]])


def test_text_of_spreadsheets_is_read(tmp_path):
    path = tmp_path / "v.csv"
    path.write_bytes("\ufeff0.1,0.2\r\n0.3,0.4\r\n".encode())
    np.testing.assert_array_equal(read_vectors("voltages", path), [[0.1, 0.2], [0.3, 0.4]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no numbers"),
        (b"# only\n\n", "holds no numbers"),
        (b"0.1,0.2\n# c\n0.3\n", "line 3 has 1 entries, line 1 has 2"),
        (b"row,column\n1,2\n", "line 1, entry 1: 'row' is not a number"),
        (b"0.1,nan\n", "line 1, entry 2: 'nan' is not a number"),
        (b"0.1,,0.2\n", "line 1, entry 2: '' is not a number"),
        (b"1_000\n", "line 1, entry 1: '1_000' is not a number"),
        (b"1;2\n", "line 1, entry 1: '1;2' is not a number"),
        (b"\xff\xfe0\x00", "not text"),
    ],
)
def test_wrong_text_is_refused_by_line_and_entry(tmp_path, content, message):
    path = tmp_path / "v.csv"
    path.write_bytes(content)
    with pytest.raises(CircuitError, match=message) as refusal:
        read_vectors("voltages", path)
    assert "v.csv" in str(refusal.value)


def test_damaged_arrays_are_refused(tmp_path):
    path = tmp_path / "v.npy"
    np.save(path, np.arange(100.0))
    whole = path.read_bytes()
    np.save(path, np.array([None, 1.0], dtype=object), allow_pickle=True)
    pickled = path.read_bytes()
    for content in (b"", whole[:40], whole[:200], whole[:60] + b"((((" + whole[64:], pickled):
        path.write_bytes(content)
        with pytest.raises(CircuitError, match=r"v\.npy: not an array saved by NumPy"):
            read_vectors("voltages", path)
    np.save(path, np.array([0.1, np.nan]))
    with pytest.raises(CircuitError, match=r"v\.npy: voltages\[1\] = nan"):
        read_vectors("voltages", path)
    np.save(path, np.array(["a"]))
    with pytest.raises(CircuitError, match=r"v\.npy: voltages must hold real numbers"):
        read_vectors("voltages", path)
