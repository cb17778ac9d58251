"""Saved files: whole or not at all, never a pickle, and refused by name when they are not ours."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import circuitxbar as cx
from circuitxbar import storage
from circuitxbar.storage import kind_of, read_npz, write_atomically, write_npz, write_text

CROSSBAR = cx.Crossbar(np.full((2, 3), 1e-3), bottom=cx.Held(0.1, [1.0, 2.0, 3.0]))


def test_members_and_header_come_back(tmp_path: Path):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b.c": np.float64(0.1), "none": np.zeros((0, 2))}
    write_npz(tmp_path / "x.npz", "thing", {"text": "é\n", "number": 0.1}, arrays)
    header, found = read_npz(tmp_path / "x.npz", "thing")
    assert header == {"kind": "thing", "format": 1, "text": "é\n", "number": 0.1}
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].tobytes() == np.asarray(array).tobytes()
        assert found[name].shape == np.shape(array)


def test_a_name_is_taken_as_it_is_and_an_older_file_replaced(tmp_path: Path):
    path = tmp_path / "plain"
    path.write_text("older")
    CROSSBAR.save(os.fspath(path))
    assert os.listdir(tmp_path) == ["plain"]
    assert cx.load(path).shape == (2, 3)


def test_text_keeps_its_line_ends(tmp_path: Path):
    write_text(tmp_path / "t", "a\nb\r\né")
    assert (tmp_path / "t").read_bytes() == b"a\nb\r\n\xc3\xa9"


def test_a_new_file_has_the_rights_of_any_other(tmp_path: Path):
    (tmp_path / "usual").write_text("")
    CROSSBAR.save(tmp_path / "ours")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_the_mask_of_the_process_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    changed: list[int] = []
    monkeypatch.setattr(os, "umask", lambda mask: changed.append(mask) or 0o022)
    CROSSBAR.save(tmp_path / "a.npz")
    assert changed == []


def test_a_failure_half_way_leaves_the_older_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "kept"
    path.write_text("older")

    def broken(stream: Any) -> None:
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(cx.NetlistError, match=r"kept: cannot be written \(No space left"):
        write_atomically(path, broken)

    def interrupted(stream: Any) -> None:
        stream.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, interrupted)
    assert path.read_text() == "older"
    assert os.listdir(tmp_path) == ["kept"]


@pytest.mark.parametrize("place", ["missing/a.npz", "file/a.npz", "folder", "x" * 300])
def test_a_place_that_cannot_be_written_is_named(place: str, tmp_path: Path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(cx.NetlistError, match=r"cannot be written .*Choose another path") as told:
        CROSSBAR.save(tmp_path / place)
    assert str(tmp_path / place) in str(told.value)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_a_read_only_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: Any, **__: Any) -> None:  # what the system says there, to all but root
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(cx.NetlistError, match=r"a.npz: cannot be written \(Permission denied"):
        CROSSBAR.save(tmp_path / "a.npz")


@pytest.mark.parametrize("path", [None, 5, 1.5, b"bytes", "a\0b", "\ud800", ["a"], object()])
def test_a_path_that_is_none_is_refused(path: Any):
    for call in (CROSSBAR.save, cx.load):
        with pytest.raises(cx.NetlistError, match=r"path is .*: expected the name of a file"):
            call(path)


def test_a_file_that_is_not_there_and_a_folder(tmp_path: Path):
    with pytest.raises(cx.NetlistError, match=r"none.npz: cannot be read \(No such file"):
        cx.load(tmp_path / "none.npz")
    with pytest.raises(cx.NetlistError, match=r"cannot be read \(Is a directory"):
        cx.load(tmp_path)


def saved(tmp_path: Path) -> bytes:
    CROSSBAR.save(tmp_path / "good.npz")
    return (tmp_path / "good.npz").read_bytes()


def refused(path: Path, content: bytes, told: str) -> None:
    path.write_bytes(content)
    with pytest.raises(cx.NetlistError, match=told) as caught:
        cx.load(path)
    assert str(caught.value).startswith(f"{path}: ")


def array_file(array: Any, **how: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **how)
    return stream.getvalue()


def test_files_of_other_kinds(tmp_path: Path):
    path = tmp_path / "bad.npz"
    stream = io.BytesIO()
    np.savez(stream, a=np.ones(2))
    for content in (b"", b"text", b"PK\x03\x04", bytes(300), stream.getvalue()):
        refused(path, content, "is not a file saved by circuitxbar")
    refused(path, array_file(np.ones(3)), "is not a file saved by circuitxbar")  # a plain .npy
    write_npz(path, "network", {}, {})
    refused(path, path.read_bytes(), "does not hold a crossbar")
    refused(path, array_file(np.array([{}], dtype=object), allow_pickle=True), "is not a file")


def test_the_kind_is_told_without_the_arrays(tmp_path: Path):
    path = tmp_path / "x.npz"
    write_npz(path, "thing", {}, {"a": np.ones(2)})
    assert kind_of(path) == "thing"
    members = parts(path.read_bytes())
    path.write_bytes(zipped({**members, "a.npy": b"damaged"}))
    assert kind_of(path) == "thing"
    path.write_bytes(with_header(members, lambda h: {**h, "kind": 5}))
    assert kind_of(path) is None
    np.savez(path, a=np.ones(2))
    assert kind_of(path) is None
    path.write_text("text")
    assert kind_of(path) is None
    assert kind_of(tmp_path) is None
    assert kind_of(tmp_path / "missing") is None


def test_the_kind_is_checked_before_an_array_is_read(tmp_path: Path):
    members = {**parts(saved(tmp_path)), "conductances.npy": array_file(np.ones(3))[:-1]}
    change = lambda h: {**h, "kind": "network"}  # noqa: E731
    refused(tmp_path / "bad.npz", with_header(members, change), "does not hold a crossbar")


def test_a_file_that_declares_too_much_is_not_inflated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    content = saved(tmp_path)
    total = sum(len(member) for member in parts(content).values())
    monkeypatch.setattr(storage, "_LARGEST", total)
    cx.load(tmp_path / "good.npz")
    monkeypatch.setattr(storage, "_LARGEST", total - 1)
    refused(tmp_path / "bad.npz", content, "bytes when unpacked")


def test_a_pickle_inside_is_never_run(tmp_path: Path):
    witness = tmp_path / "witness"

    class Trap:
        def __reduce__(self) -> Any:
            return (os.mkdir, (os.fspath(witness),))

    path, trap = tmp_path / "bad.npz", np.array([Trap()], dtype=object)
    members = parts(saved(tmp_path))
    members["conductances.npy"] = array_file(trap, allow_pickle=True)
    refused(path, zipped(members), "is not a file saved by circuitxbar")
    refused(path, array_file(trap, allow_pickle=True), "is not a file saved by circuitxbar")
    assert not witness.exists()


def test_any_cut_or_changed_byte_gives_the_same_crossbar_or_a_refusal(tmp_path: Path):
    content = saved(tmp_path)
    path = tmp_path / "bad.npz"
    for length in range(0, len(content), 97):
        refused(path, content[:length], "is not a file|cannot be read")
    rng = np.random.default_rng(8)
    for place in rng.integers(len(content), size=150):
        changed = bytearray(content)
        changed[place] ^= 1 << rng.integers(8)
        path.write_bytes(changed)
        try:
            found = cx.load(path)
        except cx.NetlistError:
            continue
        # A byte that nobody reads, such as a date: contents have checksums.
        assert np.array_equal(found.conductances, CROSSBAR.conductances)
        assert np.array_equal(found.bottom.resistance, [1.0, 2.0, 3.0])


def parts(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return stream.getvalue()


def with_header(members: dict[str, bytes], change: Any) -> bytes:
    header = np.load(io.BytesIO(members["circuitxbar.npy"]))
    fields = change(json.loads(header.tobytes()))
    text = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    new = array_file(np.frombuffer(text, dtype=np.uint8))
    return zipped({**members, "circuitxbar.npy": new})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda h: b"{", "is not a file saved"),
        (lambda h: b"\xff\xfe", "is not a file saved"),
        (lambda h: b"[" * 100_000, "is not a file saved"),
        (lambda h: [h], "does not hold a crossbar"),
        (lambda h: {**h, "kind": "network"}, "does not hold a crossbar"),
        (lambda h: {**h, "format": 2}, "newer version"),
        (lambda h: {k: v for k, v in h.items() if k != "left"}, "incomplete .'left'"),
        (lambda h: {k: v for k, v in h.items() if k != "devices"}, "incomplete .'devices'"),
        (lambda h: {**h, "left": "Grouned"}, "incomplete .'Grouned'"),
        (lambda h: {**h, "left": ["Driven"]}, "incomplete"),
        (lambda h: {**h, "left": "Norton"}, "incomplete"),
        (lambda h: {**h, "devices": None}, "incomplete"),
        (lambda h: {**h, "devices": {"": 5}}, "incomplete"),
        (lambda h: {**h, "devices": {"": {"text": "name =", "values": {}}}}, "not a TOML file"),
        (lambda h: {**h, "devices": {"": {**h["devices"][""], "values": [1]}}}, "incomplete"),
        (
            lambda h: {**h, "devices": {"": {**h["devices"][""], "values": {"v0": 1}}}},
            "damaged. .*no parameter 'v0'",
        ),
        (lambda h: {**h, "devices": {**h["devices"], "gate.": h["devices"][""]}}, "incomplete"),
        (lambda h: {**h, "gate_lines": "diagonal"}, "damaged. gate_lines"),
        (lambda h: {**h, "temperature": "warm"}, "damaged. temperature must hold real numbers"),
        (lambda h: {**h, "temperature": -1}, "damaged. temperature = -1.0"),
    ],
)
def test_a_changed_header_is_refused(change: Any, told: str, tmp_path: Path):
    members = parts(saved(tmp_path))
    refused(tmp_path / "bad.npz", with_header(members, change), told)


@pytest.mark.parametrize(
    ("name", "array", "told"),
    [
        ("conductances", None, "incomplete .'conductances'"),
        ("conductances", np.array([["a"]]), "damaged. conductances must hold real numbers"),
        ("conductances", np.ones((2, 3)) * 1j, "damaged. conductances must hold real numbers"),
        ("conductances", np.full((2, 3), -1.0), r"damaged. conductances\[0, 0\] = -1.0"),
        ("conductances", np.full((2, 2), 1.0), "damaged. bottom: resistance"),
        ("bottom.resistance", np.ones(2), "damaged. bottom: resistance .*3 lines"),
        ("bottom.voltage", None, "incomplete .*voltage"),
        ("bottom.current", np.ones(3), "incomplete .*current"),
        ("wires.row", np.array(np.nan), "damaged. Wires.row = nan"),
        ("wires.diagonal", np.array(1.0), "incomplete .*diagonal"),
        ("parameters.v0", np.array(1.0), "damaged. parameters: .*'v0'"),
    ],
)
def test_changed_arrays_are_refused(name: str, array: Any, told: str, tmp_path: Path):
    members = parts(saved(tmp_path))
    members.pop(f"{name}.npy", None)
    if array is not None:
        members[f"{name}.npy"] = array_file(array)
    refused(tmp_path / "bad.npz", zipped(members), told)
