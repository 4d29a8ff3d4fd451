"""Ids that are derived are UUIDs of version 5, as the standard library makes them."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.identity import derived_id

NAMESPACE = UUID("6f0f4a2e-6f6b-5d3c-9c0b-6b756c747475")


@given(st.lists(st.text() | st.integers(), max_size=6))
def test_a_derived_id_is_the_uuid_that_the_standard_library_makes(parts: list[str | int]) -> None:
    assert derived_id(*parts) == str(uuid5(NAMESPACE, "\x1f".join(str(part) for part in parts)))
