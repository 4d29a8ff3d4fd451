"""What is wrong, apart from whose it is."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.error_kind import LEFT_OUT, pointer_of, without_values

REFERRAL = "7b0d9a52-5c1e-4c57-9a0e-3f1f6a2d8c11"


@pytest.mark.parametrize(
    ("error", "pointer", "left"),
    [
        (
            "/data/municipality: no municipality has the code 'Oulu'",
            "/data/municipality",
            "/data/municipality: no municipality has the code …",
        ),
        (
            "/data/sessions/17/starts_at: Input should have timezone info",
            "/data/sessions/*/starts_at",
            "/data/sessions/*/starts_at: Input should have timezone info",
        ),
        (
            f"/subject: the record's key is 'x'; for ReferralIssued it is '{REFERRAL}'",
            "/subject",
            "/subject: the record's key is …; for ReferralIssued it is …",
        ),
        ("/region/07 on intake.region.06, which proves /region/06", "", "… on …, which proves …"),
        (f"{REFERRAL} was answered by a link", "", "… was answered by a link"),
        (
            "waited for ReferralOpened until 2026-09-01T08:00:00+00:00; redrive it",
            "",
            "waited for ReferralOpened until …; redrive it",
        ),
        ('KeyError: "it\'s"', "", "KeyError: …"),
        ("a value that is broken off: 'Virt", "", "a value that is broken off: …"),
        ("/data/needs/virtanen@x: is unknown", "/data/needs/*", "/data/needs/*: is unknown"),
        ("", "", ""),
    ],
)
def test_what_is_wrong_stays_and_what_it_stands_in_goes(error: str, pointer: str, left: str) -> None:
    assert pointer_of(error) == pointer
    assert without_values(error) == left


@given(
    st.uuids(), st.sampled_from([str, lambda one: one.hex, lambda one: f"{{{one}}}", lambda one: one.urn]), st.text()
)
def test_no_id_of_a_referral_is_left_however_it_is_spelled(one: UUID, spelled: object, beside: str) -> None:
    assert callable(spelled)
    left = without_values(f"{beside} {spelled(one)} is another's")
    assert str(one) not in left
    assert one.hex not in left


@given(st.text())
def test_no_number_is_left(error: str) -> None:
    left = without_values(error)
    assert not any(character.isdecimal() for character in left)
    assert without_values(LEFT_OUT) == LEFT_OUT
