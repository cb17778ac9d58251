"""What all pictures share: look, units, maps and files. matplotlib is loaded when one is drawn."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.terminations import Driven, Side
from circuitxbar.errors import CircuitError
from circuitxbar.storage import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Arguments = ParamSpec("Arguments")

# Okabe and Ito's colours, which stay apart with every kind of colour blindness.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INK = "#333333"
PALE = "#bbbbbb"
FORMATS = (".png", ".svg", ".pdf")
_STYLE: dict[Any, Any] = {
    "font.size": 10.0,
    "axes.titlesize": 11.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 9.0,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": "#e6e6e6",
    "legend.frameon": False,
}
_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}


def styled(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """`draw` with the look that all pictures share, whatever the caller's own settings."""

    @functools.wraps(draw)
    def wrapped(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        from matplotlib import rc_context

        with rc_context(_STYLE):
            return draw(*args, **kwargs)

    return wrapped


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of `width` x `height` inches, bound to no window and no backend."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write `figure` to `path` in one step, as .png (200 dots per inch), .svg or .pdf.

    Raises CircuitError for another ending, NetlistError where the file cannot be written.
    """
    from matplotlib import rc_context

    ending = check_format(path).removeprefix(".")
    # Without dates and random names, the same picture is the same file.
    dates: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
    with rc_context({"svg.hashsalt": "circuitxbar"}):
        write_atomically(
            path,
            lambda stream: figure.savefig(stream, format=ending, dpi=200, metadata=dates[ending]),
        )


def check_format(path: str | os.PathLike[str]) -> str:
    """The ending of `path`; CircuitError where it is not one that `save` can write."""
    ending = Path(path).suffix.lower()
    if ending not in FORMATS:
        raise CircuitError(f"{path}: a picture ends in {', '.join(FORMATS)}.")
    return ending


def in_prefixed_unit(values: Array, unit: str) -> tuple[Array, str]:
    """`values` scaled so that the largest lies between 1 and 1000, and their unit."""
    finite = np.abs(values[np.isfinite(values)])
    largest = finite.max(initial=0.0)
    power = 3 * math.floor(math.log10(largest) / 3) if largest > 0 else 0
    power = min(max(power, min(_PREFIXES)), max(_PREFIXES))
    return values / 10.0**power, f"{_PREFIXES[power]}{unit}"


def map_figure(crossbar: Crossbar, values: Array, label: str, title: str) -> Figure:
    """One value per cell as the array lies: row 0 on top, column 0 at the left; grey where nan."""
    from matplotlib.ticker import MaxNLocator

    rows, columns = values.shape
    ratio = min(max(rows / columns, 0.3), 1.6)  # longer arrays get cells that are not square
    width = 4.2 / max(ratio, 1.0)
    figure = new_figure(width + 1.4, width * ratio + 0.9)
    axes = figure.add_subplot()
    image = axes.imshow(
        np.ma.masked_invalid(values),
        cmap="viridis",
        aspect="equal" if ratio == rows / columns else "auto",
        interpolation="nearest",
    )
    axes.set_facecolor(PALE)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 4, 8, 10], integer=True))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(f"column{_role(crossbar, 'top', 'bottom')}")
    axes.set_ylabel(f"row{_role(crossbar, 'left', 'right')}")
    axes.set_title(title)
    bar = figure.colorbar(image, ax=axes, pad=0.03, aspect=24 * ratio)
    bar.set_label(label)
    bar.outline.set_visible(False)
    return figure


def _role(crossbar: Crossbar, first: Side, second: Side) -> str:
    driven = [s for s in (first, second) if isinstance(getattr(crossbar, s), Driven)]
    if driven:
        return f" (driven at the {' and '.join(driven)})"
    return (
        f" (sensed at the {' and '.join(crossbar.sensed_sides)})"
        if crossbar.sensed_sides[0] in (first, second)
        else ""
    )
