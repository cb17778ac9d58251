"""Draws the pictures of README.md beside this file: python docs/pictures/draw.py"""

from pathlib import Path

import numpy as np

import circuitxbar as cx


def main() -> None:
    """The IR drop of a 64 x 64 array of random cells, 10 to 100 uS, with 2 ohm per segment."""
    rng = np.random.default_rng(0)
    crossbar = cx.Crossbar(rng.uniform(1e-5, 1e-4, (64, 64)), wires=cx.Wires(2.0, 2.0))
    solution = cx.solve(crossbar, np.full(64, 0.2))
    cx.plots.save(cx.plots.ir_drop(solution), Path(__file__).with_name("ir_drop.png"))


if __name__ == "__main__":
    main()
