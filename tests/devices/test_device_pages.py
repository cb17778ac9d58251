"""The pages on devices beside docs/adding-a-device.md, followed to the letter, and their table."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from devices.test_adding_a_device import ROOT, follow

DOCS = ROOT / "docs"


@pytest.mark.parametrize("page", ["what-devices-remember.md", "fitting-a-device.md"])
def test_every_step_of_the_page_works(page: str, tmp_path: Path):
    follow((DOCS / page).read_text(encoding="utf-8"), tmp_path)


def test_the_table_of_devices_is_that_of_the_files():
    """Else run `python docs/device_table.py`."""
    spec = importlib.util.spec_from_file_location("device_table", DOCS / "device_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / "devices.md").read_text(encoding="utf-8") == module.page()
