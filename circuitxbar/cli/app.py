"""The commands and their options. What they do is imported when they run, so that help is fast."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

_ARRAY_HELP = """ARRAY is a .npz file of Crossbar.save, or a TOML file whose keys are the arguments
of Crossbar. Only the first line is required; every number may also be a list, or the name of a
.csv or .npy file beside it:

\b
  conductances = "g.csv"   # siemens; or [[1e-5, 2e-5], [0.0, inf]]
  device = "linear"        # a name, or the path of a device file; likewise in series with it
  selector = "exponential_selector"                 # 1S1R, or a transistor (1T1R):
  transistor = "ekv_transistor"
  gate_lines = "row"       # or "column"; their voltages come from --gates
  temperature = 300.15     # kelvin
  wires = { row = 1.0, column = 1.0 }               # ohm per segment
  left = { kind = "Driven", resistance = 100.0 }    # also right, top, bottom:
  bottom = { kind = "Grounded", resistance = 0.0 }  # Held, Norton, Floating
  parameters = { v0 = 0.25, selector.swing = 0.1 }  # of the device, of its selector

Voltages are text with one vector per line, entries separated by commas, or a .npy file."""

_DECK_HELP = """The deck says what is computed; an operating point where it says nothing:

\b
  .op                                    voltages and currents at rest
  .dc SOURCE START STOP STEP             the same while one source is swept
  .tran STEP STOP [START [MAXIMUM]] [uic]   over time; one of them in a deck
  .ac dec|oct|lin POINTS START STOP      small signals over frequency
  .noise v(NODE[,NODE]) SOURCE dec|oct|lin POINTS START STOP
                                         densities at the output and referred to the source

Each analysis of several has files of its own, named after FILE: out_tran.csv, out_ac.csv.
.print, .plot, .save, .probe and .meas are read and left out; .control is refused. A column v(node)
is in volt and i(element) in ampere, positive from its first node to its second, of sources and of
other elements whose current is an unknown; over frequency two columns each, re and im. A transient
has the points that its error control chose. Of the options of a deck `method` is followed; the
others are told of. Nothing in a deck is run, and what it includes is read from its own folder and
those below it."""

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ArrayFile = Annotated[Path, typer.Argument(metavar="ARRAY", help="The array, .toml or .npz.")]
Voltages = Annotated[
    Path | None, typer.Option(metavar="FILE", help="V, one vector per line of the file.")
]
ColumnVoltages = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="V, where rows and columns are both driven."),
]
Gates = Annotated[
    str | None,
    typer.Option(
        metavar="VOLT|FILE", help="V, at the gate lines: one for all, or like --voltages."
    ),
]
Extrapolate = Annotated[
    bool, typer.Option("--extrapolate", help="Go beyond the valid ranges of the devices.")
]
Seed = Annotated[int, typer.Option(min=0, help="Of every random number.")]
Tolerance = Annotated[float, typer.Option(min=0.0, help="Relative to a vector's largest current.")]


def _show_version(asked: bool) -> None:
    if asked:
        # The root is there whenever a part of it runs; no part may import it.
        print(f"circuitxbar {sys.modules['circuitxbar'].__version__}")
        raise typer.Exit


@app.callback(epilog="Exit code: 0 done, 1 a solve or a check failed, 2 bad input.")
def circuitxbar(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show it and exit."),
    ] = False,
) -> None:
    """Exact simulation of crossbar circuits, from SPICE netlists to trained networks."""


@app.command()
def demo(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where files are written.")] = Path(
        "demo-out"
    ),
    seed: Seed = 0,
) -> None:
    """See in a minute what circuitxbar does."""
    from circuitxbar.cli.demo import run

    run(out, seed)


@app.command(epilog=_ARRAY_HELP)
def netlist(
    array: ArrayFile,
    voltages: Voltages = None,
    column_voltages: ColumnVoltages = None,
    gates: Gates = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Instead of the screen.")
    ] = None,
    subcircuit: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A .subckt of that name, without sources and ends."),
    ] = None,
) -> None:
    """Write an array as SPICE text.

    It runs unchanged in `ngspice -b`: one operating point, or one sweep over all vectors.
    """
    from circuitxbar.cli.netlist import run

    run(array, (voltages, column_voltages, gates), out, subcircuit)


@app.command(epilog=_ARRAY_HELP)
def solve(
    array: ArrayFile,
    voltages: Voltages = None,
    column_voltages: ColumnVoltages = None,
    gates: Gates = None,
    engine: Annotated[str, typer.Option(help="auto, array, nodal or ngspice.")] = "auto",
    rtol: Tolerance = 1e-9,
    extrapolate: Extrapolate = False,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="Results with all digits, .csv or .npz."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Map of the first vector's IR drop, .png .svg or .pdf."),
    ] = None,
) -> None:
    """Solve an array: sensed currents, error bound.

    On a terminal a summary, otherwise comma separated text: one line per vector with the sensed
    currents (A), the largest and the summed Kirchhoff error (A), the loss, which is the worst
    line's missing share of its current with ideal wires, the engine, and a status that tells
    where gmin stepping or source stepping was needed.
    """
    from circuitxbar.cli.solve import run

    run(array, (voltages, column_voltages, gates), engine, rtol, extrapolate, out, plot)


@app.command(epilog=_ARRAY_HELP)
def verify(
    file: Annotated[
        Path, typer.Argument(metavar="ARRAY|NETWORK", help="The array, or a saved network (.npz).")
    ],
    voltages: Voltages = None,
    column_voltages: ColumnVoltages = None,
    gates: Gates = None,
    layer: Annotated[int, typer.Option(min=0, help="Which layer of a network.")] = 0,
    rtol: Tolerance = 1e-9,
    extrapolate: Extrapolate = False,
    seed: Seed = 0,
) -> int:
    """Compare all engines on one array.

    The exit code is 1 if any two differ by more than --rtol, or if none proves its answer by
    Kirchhoff's law to --rtol. Without --voltages, four random vectors between -0.2 and 0.2 V; for
    a network, up to its read voltage.
    """
    from circuitxbar.cli.verify import run

    return run(file, (voltages, column_voltages, gates), layer, rtol, extrapolate, seed)


@app.command()
def train(
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A .npz with x_train, y_train, x_test, y_test; or text, one vector per line with "
            "its class as the last entry, of which a fifth is held out for the test. The digits "
            "that come with circuitxbar when omitted.",
        ),
    ] = None,
    hidden: Annotated[int, typer.Option(min=1, help="Units of the hidden layer.")] = 32,
    epochs: Annotated[int, typer.Option(min=1, help="How often to see all data.")] = 5,
    cells: Annotated[
        str, typer.Option(metavar="LOW:HIGH", help="Conductances of the cells, S.")
    ] = "10e-6:1e-3",
    wire: Annotated[float, typer.Option(min=0.0, help="Resistance per wire segment, ohm.")] = 3.0,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="The network, .npz.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Written after every epoch.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from --checkpoint.")] = False,
    seed: Seed = 0,
) -> None:
    """Train a network through its circuit.

    Two layers of differential pairs on crossbars of up to 128 x 128 cells, with the exact gradient
    through wires and cells. Features are scaled to a largest magnitude of 1. Ctrl-C leaves the
    checkpoint of the last whole epoch: the same command with --resume goes on from it.
    """
    from circuitxbar.cli.train import run

    run(data, hidden, epochs, cells, wire, out, checkpoint, resume, seed)


@app.command(epilog=_DECK_HELP)
def run(
    deck: Annotated[Path, typer.Argument(metavar="DECK", help="SPICE netlist.")],
    engine: Annotated[str, typer.Option(help="auto, nodal or ngspice; auto is nodal.")] = "nodal",
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", "--output", metavar="FILE", help="Results, all digits, .csv or .npz."
        ),
    ] = None,
    plot: Annotated[
        str | None, typer.Option(metavar="PROBES", help='Draw them: "v(out), v(a,b), i(v1)".')
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Of --plot, .png .svg or .pdf; DECK.png if omitted."),
    ] = None,
) -> None:
    """Run the analyses of a SPICE deck.

    On a terminal a summary, otherwise comma separated text.
    """
    from circuitxbar.cli.run import run

    run(deck, engine, out, plot, picture)


devices = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
app.add_typer(devices, name="device", help="Look at devices: what cells and selectors do.")
Model = Annotated[
    str, typer.Argument(metavar="NAME", help="A name of `device list`, or the path of a TOML file.")
]


@devices.command("list")
def device_list() -> None:
    """The devices that come with circuitxbar: confirmed ones first, then those that are not."""
    from circuitxbar.cli.device import run_list

    run_list()


@devices.command("show")
def device_show(model: Model) -> None:
    """The card of a device: its law, parameters, states, pulses, and where they come from."""
    from circuitxbar.cli.device import run_show

    run_show(model)


@devices.command("plot")
def device_plot(
    model: Model,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help=".png .svg or .pdf; NAME.png if omitted."),
    ] = None,
) -> None:
    """Draw its current, what write pulses do to it, and its drift."""
    from circuitxbar.cli.device import run_plot

    run_plot(model, out)


@devices.command("spice")
def device_spice(
    model: Model,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Instead of the screen.")
    ] = None,
) -> None:
    """Its law as a SPICE library file, to be included by any deck for ngspice."""
    from circuitxbar.cli.device import run_spice

    run_spice(model, out)
