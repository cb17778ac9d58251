"""The pages on devices beside docs/adding-a-device.md, followed to the letter, and their table."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from devices.test_adding_a_device import ROOT, follow

from circuitxbar.devices.library import device

DOCS = ROOT / "docs"


def test_every_step_of_the_page_on_memory_works(tmp_path: Path):
    follow((DOCS / "what-devices-remember.md").read_text(encoding="utf-8"), tmp_path)


def test_every_step_of_the_page_on_fitting_works(tmp_path: Path):
    follow((DOCS / "fitting-a-device.md").read_text(encoding="utf-8"), tmp_path)
    assert device(tmp_path / "measured.toml").pulses is not None


def test_the_table_of_devices_is_that_of_the_files():
    """Else run `python docs/device_table.py`."""
    spec = importlib.util.spec_from_file_location("device_table", DOCS / "device_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / "devices.md").read_text(encoding="utf-8") == module.page()
