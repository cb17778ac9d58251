"""What the laws of a device file are functions of, section by section: the one table of them."""

from __future__ import annotations

from collections.abc import Iterable

from circuitxbar.devices.expression import CONTROLS

DEVIATE, UNIFORM = "deviate", "uniform"  # random numbers: standard normal, and between 0 and 1
RANDOM = (DEVIATE, UNIFORM)


def names_of_sections(
    terminals: int, states: Iterable[str], present: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """The variables of every section in `present`, beside temperature and the parameters.

    states : those of the file.  present : "current", "conductance", "state.w" (a rate), ...
    """
    states, present = tuple(states), tuple(present)
    rates = [section for section in present if section.startswith("state.")]
    memory = states or ("g",)  # what pulses change
    controls = tuple(CONTROLS[terminals])
    table = {
        "current": (*controls, "g"),
        "conductance": states,
        "pulse, up": ("v", "width", *memory, *RANDOM),
        "pulse, down": ("v", "width", *memory, *RANDOM),
        "program": ("g", *RANDOM),
        "read_noise": ("v", "g", "time", "duration", *RANDOM),
        "drift": ("g", "time", DEVIATE),
        **dict.fromkeys(rates, (*controls, "g", *states)),
    }
    return {section: names for section, names in table.items() if section in present}
