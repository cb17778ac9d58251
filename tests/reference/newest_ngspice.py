"""A mark for tests whose witness is ngspice 46: an older one is skipped, a missing one fails."""

from __future__ import annotations

import pytest

from circuitxbar.ngspice.installation import found

_installation = found()
needs_ngspice_46 = pytest.mark.skipif(
    _installation is not None and _installation.version < 46,
    reason="older versions of ngspice have other numbers",
)
