"""Every name that the package offers exists and says what it is."""

import inspect

import pytest

import circuitxbar as cx


def has_docstring(thing: object, name: str) -> bool:
    """Whether `thing` carries a docstring of its own, not the signature a dataclass writes."""
    text = (thing.__doc__ or "").strip()
    if not (inspect.ismodule(thing) or inspect.isclass(thing) or inspect.isroutine(thing)):
        return text not in ("", (type(thing).__doc__ or "").strip())
    return bool(text) and not text.startswith(f"{name}(")


@pytest.mark.parametrize("name", cx.__all__)
def test_public_name_has_a_docstring(name):
    assert has_docstring(getattr(cx, name), name)


def test_public_names_are_listed_once_and_shown():
    assert len(cx.__all__) == len(set(cx.__all__))
    assert set(cx.__all__) <= set(dir(cx))


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = cx.no_such_name
