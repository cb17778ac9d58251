"""Small data sets that come with circuitxbar, each with its source and licence.

`optdigits` is "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak (1998),
UCI Machine Learning Repository, doi 10.24432/C50P49, licence CC BY 4.0.
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
