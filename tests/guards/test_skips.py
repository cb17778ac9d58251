"""No test is skipped where a tool is missing: only what an operating system lacks is a reason."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parents[1]
REASONS = {
    "older versions of ngspice have other numbers",  # a missing one fails
    "reads /proc",
    "this system does not tell a process its processors",
    "this system has no /dev/full",
    "this system has no fork",
}


WAYS = ("skip", "skipif", "importorskip")


def skips(source: str) -> set[str]:
    """Why tests of `source` are skipped; one without a reason is told as it is written."""
    tree = ast.parse(source)
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or node.attr not in WAYS:
            continue
        told: ast.expr = node
        if call := calls.get(id(node)):
            given = [word.value for word in call.keywords if word.arg == "reason"]
            given += call.args[:1] if node.attr == "skip" else []
            told = given[0] if given else call
        found.add(told.value if isinstance(told, ast.Constant) else ast.unparse(told))
    return found


def test_nothing_is_skipped_for_another_reason():
    files = sorted(TESTS.rglob("*.py"))
    assert set().union(*(skips(path.read_text(encoding="utf-8")) for path in files)) == REASONS


def test_every_way_to_skip_is_seen():
    assert skips("pytest.skip('a')") == {"a"}
    assert skips("@pytest.mark.skipif(x, reason='b')\ndef test_it(): pass") == {"b"}
    assert skips("torch = pytest.importorskip('torch')") == {"pytest.importorskip('torch')"}
    assert skips("pytest.mark.skip(reason=why)") == {"why"}
    assert skips("@pytest.mark.skip\ndef test_it(): pass") == {"pytest.mark.skip"}
