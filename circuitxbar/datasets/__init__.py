"""Small data sets that come with circuitxbar, each with its source and licence.

`optdigits` is "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak (1998),
UCI Machine Learning Repository, doi 10.24432/C50P49, licence CC BY 4.0.
`crosssim_ramps` is from CrossSim, (c) 2017 Sandia Corporation, licence BSD-3-Clause (in README.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Digits:
    """Images of handwritten digits, split by writer into training and test data.

    x_train, x_test : (images, 64), the pixels of 8 x 8 images by rows, 0 (paper) ... 1 (ink).
    y_train, y_test : (images,), the digits 0 ... 9.
    """

    x_train: Any
    y_train: Any
    x_test: Any
    y_test: Any


@cache
def optdigits() -> Digits:
    """The 3823 training and 1797 test digits of UCI optdigits, pixels scaled from 0..16 to 0..1.

    The arrays are read-only. Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten
    Digits", UCI Machine Learning Repository, 1998, doi 10.24432/C50P49, licence CC BY 4.0
    (unchanged but for the file format). scikit-learn's `load_digits` is this test set: never test
    on it what was trained here, nor the other way round.
    """
    with np.load(Path(__file__).with_name("optdigits.npz"), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    for name, array in arrays.items():
        arrays[name] = array / 16.0 if name.startswith("x") else array.astype(np.int64)
        arrays[name].flags.writeable = False
    return Digits(**arrays)


@dataclass(frozen=True, eq=False)
class PulseRamps:
    """Conductances of one device after write pulses, ramp by ramp, in the order of measurement.

    up, down : one array per ramp, S; each after every pulse of the ramp.
    """

    up: tuple[Any, ...]
    down: tuple[Any, ...]


@cache
def crosssim_ramps() -> PulseRamps:
    """39 ramps of up to 192 pulses up, 40 of up to 153 pulses down, taken in turn on one device.

    The arrays are read-only: conductances in S, the currents of the file over its read voltage,
    0.1 V. Source: CrossSim (github.com/sandialabs/cross-sim, commit 39fd461, examples/
    lookup_table_generation/lookup_table_example/set.csv and reset.csv), (c) 2017 Sandia
    Corporation, BSD-3-Clause; unchanged but for the file format. It says neither what the device
    is nor what the pulses were.
    """
    with np.load(Path(__file__).with_name("crosssim_ramps.npz"), allow_pickle=False) as stored:
        tables = {name: stored[name] / 0.1 for name in ("set", "reset")}
    ramps = {
        name: tuple(ramp[~np.isnan(ramp)] for ramp in table.T) for name, table in tables.items()
    }
    for ramp in (*ramps["set"], *ramps["reset"]):
        ramp.flags.writeable = False
    return PulseRamps(up=ramps["set"], down=ramps["reset"])
