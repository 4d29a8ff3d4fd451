"""Derived ids are UUIDs of version 5, as everyone makes them."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.identity import derived_id

_NAMESPACE = UUID("6f0f4a2e-6f6b-5d3c-9c0b-6b756c747475")
_TEXT = st.text(st.characters(codec="utf-8"))


@given(st.lists(_TEXT | st.integers()))
def test_it_is_the_uuid_that_the_standard_library_makes(parts: list[str | int]) -> None:
    assert derived_id(*parts) == str(uuid5(_NAMESPACE, "\x1f".join(map(str, parts))))
