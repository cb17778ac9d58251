"""Writes devices.md beside this file, the table of all devices: python docs/device_table.py"""

from __future__ import annotations

from pathlib import Path

import circuitxbar as cx
from circuitxbar.devices.library import device_names

PAGE = Path(__file__).parent / "devices.md"
HEAD = """# The devices

Written by `docs/device_table.py` from the files in `device_models/`; a test compares.
`circuitxbar device show NAME` gives the card of one, `circuitxbar device plot NAME` its picture,
`circuitxbar device spice NAME` its law for ngspice. How a file of your own is written:
[adding a device](adding-a-device.md) and [what devices remember](what-devices-remember.md).
"""
CONFIRMED = """
## Confirmed

Their numbers were seen in the source, or in the file or code that the source names. That says
where they come from, not that your device is like it; what was assumed beside them stands in the
source line, too.
"""
OTHERS = """
## Not confirmed

Published forms with numbers that are examples, and devices whose sources were not seen.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The page as the files are now."""
    devices = [cx.device(name) for name in device_names()]
    confirmed = _table([device for device in devices if device.confirmed])
    others = _table([device for device in devices if not device.confirmed])
    return f"{HEAD}{CONFIRMED}\n{confirmed}{OTHERS}\n{others}"


def _table(devices: list[cx.Device]) -> str:
    lines = ["| device | what it is | it has | source |", "|---|---|---|---|"]
    for device in devices:
        has = ", ".join(_abilities(device))
        lines.append(f"| `{device.name}` | {device.title} | {has} | {device.source} |")
    return "\n".join(line.replace("\n", " ") for line in lines) + "\n"


def _abilities(device: cx.Device) -> list[str]:
    found = ["3 terminals"] if len(device.terminals) == 3 else []
    found += [f"state {name}" for name in device.states]
    if device.has_rates:
        found.append("rates")
    if device.pulses is not None:
        found.append("pulses" if device.pulses.table is None else "measured pulses")
    names = {"program": "write errors", "read_noise": "read noise", "drift": "drift"}
    found += [told for section, told in names.items() if section in device.laws]
    if any(parameter.device_sigma for parameter in device.parameters.values()):
        found.append("device spread")
    return found


if __name__ == "__main__":
    main()
