"""The environment an ngspice of ours sees: enough to start, nothing that changes an answer."""

from __future__ import annotations

import os

_KEPT = (
    "PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH",
    "SPICE_LIB_DIR", "SPICE_SCRIPTS",
)  # fmt: skip


def minimal_environment(**added: str) -> dict[str, str]:
    """Variables to start ngspice with: where things are, one thread, the C locale, and `added`."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    # ngspice's own start file asks for 8 threads; the limit overrules it.
    threads = {"OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1", "OPENBLAS_NUM_THREADS": "1"}
    return {**kept, **threads, "LC_ALL": "C", **added}
