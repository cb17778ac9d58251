"""`circuitxbar train`: a network that learns through its own circuit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from circuitxbar.arguments import real_array
from circuitxbar.circuit.wires import Wires
from circuitxbar.cli import StoppedError
from circuitxbar.cli.inputs import check_output
from circuitxbar.cli.number_files import read_table
from circuitxbar.datasets import Digits, optdigits
from circuitxbar.errors import MappingError
from circuitxbar.mapping import DifferentialPair
from circuitxbar.nn.mlp import MLP
from circuitxbar.storage import open_npz
from circuitxbar.tile import Tile

_NAMES = ("x_train", "y_train", "x_test", "y_test")
_HELD_OUT = 0.2


def run(
    data: Path | None,
    hidden: int,
    epochs: int,
    cells: str,
    wire: float,
    out: Path | None,
    checkpoint: Path | None,
    resume: bool,
    seed: int,
) -> None:
    """Train on `data`, print how well it went, and write the network to `out`."""
    check_output(out, ".npz")
    _check_checkpoint(checkpoint, resume)
    tile = Tile(mapping=_mapping(cells), wires=Wires(wire, wire))
    vectors = optdigits() if data is None else _read(data, seed)
    scale = np.abs(vectors.x_train).max() or 1.0
    classes = int(max(vectors.y_train.max(), vectors.y_test.max())) + 1
    model = MLP([vectors.x_train.shape[1], hidden, classes], tile=tile, rng=seed)
    try:
        model.fit(vectors.x_train / scale, vectors.y_train, epochs=epochs, checkpoint=checkpoint)
    except KeyboardInterrupt:
        done = f"stopped after {len(model.history)} of {epochs} epochs."
        advice = "Go on with --resume." if checkpoint else "Nothing was kept: no --checkpoint."
        raise StoppedError(f"{done} {advice}") from None
    for k, epoch in enumerate(model.history, start=1):
        print(f"epoch {k}: loss {epoch.loss:.4f}, training accuracy {100 * epoch.accuracy:.2f} %")
    accuracy = model.accuracy(vectors.x_test / scale, vectors.y_test)
    print(f"test accuracy {100 * accuracy:.2f} % of {len(vectors.y_test)} vectors")
    if out is not None:
        model.save(out)


def _check_checkpoint(checkpoint: Path | None, resume: bool) -> None:
    check_output(checkpoint, ".npz")
    exists = checkpoint is not None and checkpoint.exists()
    if exists and not resume:
        raise MappingError(
            f"{checkpoint} exists. Add --resume to go on from it, or name another file."
        )
    if resume and not exists:
        raise MappingError("there is nothing to resume: --checkpoint names no file that exists.")


def _mapping(cells: str) -> DifferentialPair:
    try:
        low, high = (float(part) for part in cells.split(":"))
    except ValueError:
        raise MappingError(
            f"--cells {cells}: expected two conductances in siemens, such as 10e-6:1e-3."
        ) from None
    return DifferentialPair(low, high)


def _read(path: Path, seed: int) -> Digits:
    arrays = _read_npz(path) if path.suffix == ".npz" else _split(path, seed)
    checked = {}
    for name in _NAMES:
        checked[name] = real_array(
            f"{path}: {name}",
            arrays[name],
            shape=(None, None) if name.startswith("x") else (None,),
            error=MappingError,
        )
        if checked[name].size == 0:
            raise MappingError(f"{path}: {name} holds nothing.")
    return Digits(**checked)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with open_npz(path, f"expected a .npz file with {', '.join(_NAMES)}") as stored:
        return {name: stored[name] for name in _NAMES}


def _split(path: Path, seed: int) -> dict[str, np.ndarray]:
    """The vectors of a text file with their class as last entry, a fifth held out by `seed`."""
    table = read_table("training data", path)
    held_out = round(_HELD_OUT * len(table))
    if table.shape[1] < 2 or held_out == 0:
        raise MappingError(
            f"{path} has {len(table)} lines of {table.shape[1]} entries: too few to hold out a "
            "fifth, or no class beside the features."
        )
    order = np.random.default_rng(seed).permutation(len(table))
    test, train = table[order[:held_out]], table[order[held_out:]]
    return {
        "x_train": train[:, :-1],
        "y_train": train[:, -1],
        "x_test": test[:, :-1],
        "y_test": test[:, -1],
    }
