"""Source texts of the compiled code of cells, which `laws` puts together with the laws."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_IMPORT = re.compile(r"^from (circuitxbar|__future__)[^(\n]*(\([^)]*\))?\n", re.MULTILINE)


@cache
def joined(*parts: str) -> str:
    """The text of these modules of this folder as one, without what they import from each other."""
    texts = [(files(__name__) / f"{part}.py").read_text(encoding="utf-8") for part in parts]
    return "\n".join(["from __future__ import annotations", *(_IMPORT.sub("", t) for t in texts)])
