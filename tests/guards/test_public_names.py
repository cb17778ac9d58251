"""Every name that the package offers exists and says what it is."""

import pytest

import circuitxbar as cx

DESCRIBED = [name for name in cx.__all__ if name != "__version__"]  # a string has no docstring


@pytest.mark.parametrize("name", DESCRIBED)
def test_public_name_has_a_docstring(name):
    text = (getattr(cx, name).__doc__ or "").strip()
    assert text
    assert not text.startswith(f"{name}("), (
        "a dataclass wrote its signature for want of a docstring"
    )


def test_public_names_are_listed_once_and_shown():
    assert len(cx.__all__) == len(set(cx.__all__))
    assert set(cx.__all__) <= set(dir(cx))


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = cx.no_such_name
