"""Mappings between weights and cell conductances, one scheme per file.

A mapping is a frozen value with

- `columns_per_output`: how many columns of the array carry one output,
- `apply(weights, weight_range)`: the conductances that stand for weights,
- `backward(d_conductances, weights, weight_range)`: its transpose, for gradients,
- `invert(currents, weight_range)`: the outputs that sensed currents stand for,
- `invert_backward(d_outputs, weight_range)`: the transpose of `invert`.

`weight_range` is the |weight| that takes the whole conductance span. It is an argument and never
read off the weights in between, so that `apply` and `backward` belong to the same function.
"""

from __future__ import annotations

from circuitxbar.mapping.differential_pair import DifferentialPair

MAPPINGS = {kind.__name__: kind for kind in (DifferentialPair,)}

__all__ = ["MAPPINGS", "DifferentialPair"]
