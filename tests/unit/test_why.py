"""What a region reads of a proposal: what the activity is called, and in words why it is proposed."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalogue import decide, words
from services.catalogue.funding import Rule
from services.catalogue.model import Match
from services.catalogue.why import why
from shared.contracts.catalogue_events import MAX_TITLE, ActivitiesProposed
from shared.contracts.fields import MAX_TEXT
from shared.reference import DIMENSIONS, MUNICIPALITIES, THEMES
from tests.unit.facts import START, TAMPERE, a_referral
from tests.unit.test_matching import brief, wish

BEGINS = datetime(2026, 9, 9, 14, 0, tzinfo=UTC)
CODES = (
    "need:friends",
    "need:self_esteem",
    "theme:singing",
    f"municipality:{TAMPERE}",
    "language:fi",
    "language:tlh",
    "accessibility:step_free",
    "companion",
    "within_price",
    "waiting_list",
)


def proposed(**fields: Any) -> ActivitiesProposed:
    one = wish(themes=["singing"], needs={"friends": 9})
    match = Match(a_referral("a"), one)
    decision = decide.matched(match, START, decide.MatchContext(candidates=[brief(**fields)]))
    data = decision.follow[0].data
    assert isinstance(data, ActivitiesProposed)
    return data


def test_each_code_is_said_in_three_languages() -> None:
    said = why(CODES, 1_250, "full", BEGINS)
    assert said["fi"] == (
        "Tukee: ystävät, itsetunto. Toivottu teema: laulu. Avoin kunnan asukkaille: Tampere. Kieli: suomi, tlh. "
        "Saavutettavuus: esteetön kulku. Joku voi tulla mukaan ensimmäiselle kerralle. Täynnä: jonotuslistalle. Hinta toiveen "
        "mukainen: 12,50 €. Alkaa 9.9.2026 klo 17.00."
    )
    assert said["sv"].startswith(
        "Stöder: vänner, självkänsla. Önskat tema: sång. Öppen för kommunens invånare: Tammerfors."
    )
    assert said["sv"].endswith("Börjar 9.9.2026 kl. 17.00.")
    assert said["en"].startswith(
        "Supports: friends, self-esteem. Theme wished for: singing. Open to residents of: Tampere."
    )
    assert said["en"].endswith("Price as wished: €12.50. Begins on 2026-09-09 at 17:00.")


@pytest.mark.parametrize(
    ("code", "english"),
    [
        ("free", "Free of charge."),
        ("remote", "Remote."),
    ],
)
def test_what_stands_alone_is_a_sentence_and_a_time_that_is_unknown_is_not_said(code: str, english: str) -> None:
    assert why([code], 0, "free", None)["en"] == english


@pytest.mark.parametrize(
    ("rule", "codes", "said"),
    [
        (
            "kaikukortti",
            ["funding:kaikukortti"],
            {
                "fi": "0 € Kaikukortilla (muuten 45 €).",
                "sv": "0 € med Kaikukortet (annars 45 €).",
                "en": "€0 with the Kaikukortti card (otherwise €45).",
            },
        ),
        (
            "opintoseteli",
            ["funding:opintoseteli"],
            {
                "fi": "0 € opintosetelillä (muuten 45 €).",
                "sv": "0 € med studiesedel (annars 45 €).",
                "en": "€0 with a study voucher (otherwise €45).",
            },
        ),
        (
            "agreement",
            ["funding:agreement"],
            {
                "fi": "0 € sopimuksella: hyvinvointialue maksaa (muuten 45 €).",
                "sv": "0 € genom avtal: välfärdsområdet betalar (annars 45 €).",
                "en": "€0 by agreement: the region pays (otherwise €45).",
            },
        ),
        ("free", ["free"], {"fi": "Maksuton.", "sv": "Gratis.", "en": "Free of charge."}),
        ("full", [], {"fi": "Hinta: 45 €.", "sv": "Pris: 45 €.", "en": "Price: €45."}),
        (
            "full",
            ["within_price"],
            {
                "fi": "Hinta toiveen mukainen: 45 €.",
                "sv": "Priset enligt önskemål: 45 €.",
                "en": "Price as wished: €45.",
            },
        ),
    ],
)
def test_the_rule_that_made_the_price_is_said(rule: Rule, codes: list[str], said: dict[str, str]) -> None:
    assert why(codes, 4_500, rule, None) == said


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    st.lists(st.sampled_from(DIMENSIONS), unique=True),
    st.lists(st.sampled_from(THEMES), unique=True),
    st.sampled_from(sorted(MUNICIPALITIES)),
    st.lists(st.sampled_from(sorted(words.ACCESSIBILITY)), unique=True),
    st.integers(0, 10**9),
)
def test_whatever_the_codes_the_words_fit_the_contract_and_are_the_same_each_time(
    needs: list[str], themes: list[str], municipality: str, features: list[str], cents: int
) -> None:
    codes = [
        *(f"need:{one}" for one in needs),
        *(f"theme:{one}" for one in themes),
        f"municipality:{municipality}",
        *(f"accessibility:{one}" for one in features),
        "within_price",
    ]
    said = why(codes, cents, "full", BEGINS)
    assert list(said) == ["fi", "sv", "en"]
    assert all(0 < len(text) <= 2_000 for text in said.values())
    assert why(codes, cents, "full", BEGINS) == said


def test_a_proposal_has_the_title_and_says_why() -> None:
    title = {"fi": "Kuoro kaikille", "sv": "Kör\nför  alla"}
    (proposal,) = proposed(title=title, themes=["singing"]).proposals
    assert proposal.title == {"fi": "Kuoro kaikille", "sv": "Kör för alla"}
    assert proposal.why
    assert proposal.why["fi"].startswith("Tukee: ystävät.")
    assert "Toivottu teema: laulu." in proposal.why["fi"]


def test_five_proposals_with_the_longest_titles_fit_an_event() -> None:
    longest = dict.fromkeys(("fi", "sv", "en", "se"), "\U0001f3b5" * MAX_TEXT)
    data = proposed(title=longest)
    assert data.proposals[0].title == dict.fromkeys(longest, "\U0001f3b5" * MAX_TITLE)
    assert 5 * len(msgspec.json.encode(data.model_dump(mode="json"))) < 40_000


def test_a_title_of_nothing_but_spaces_is_left_out() -> None:
    (proposal,) = proposed(title={"fi": " \n "}).proposals
    assert proposal.title is None
