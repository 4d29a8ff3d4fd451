"""The accessibility statement and the address for feedback, on every page that people see."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.feedback.settings import FeedbackSettings
from services.monitor.settings import MonitorSettings
from shared.http.accessibility import SUPERVISOR, TITLE, link_of, statement
from shared.http.language import LANGUAGES
from tests.unit.console_door import browser_of, signed_in
from tests.unit.doors import door

ADDRESS = "saavutettavuus@lahete.example"


@pytest.mark.parametrize("settings", [FeedbackSettings, MonitorSettings])
@pytest.mark.parametrize("address", ["", ADDRESS, "https://lahete.example/palaute"])
def test_an_address_is_one_of_mail_or_a_page(settings: type[FeedbackSettings | MonitorSettings], address: str) -> None:
    assert settings.model_validate({"env": "test", "feedback_address": address}).feedback_address == address


@pytest.mark.parametrize(
    "address",
    [
        "somebody",
        "a@b",
        "http://lahete.example",
        "javascript:alert(1)",
        "https://x.example/?q=1",
        "a@b.example?subject=x",
    ],
)
def test_anything_else_stops_the_start(address: str) -> None:
    with pytest.raises(ValidationError, match="it is an e-mail address, or a page's"):
        MonitorSettings.model_validate({"env": "test", "feedback_address": address})


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_statement_says_the_same_parts_in_each_language(language: str) -> None:
    with_address = statement(language, "Of these pages", ADDRESS)
    assert len(with_address) == 5
    assert all(part.heading and part.text for part in with_address)
    assert [part.link for part in with_address if part.link] == [link_of(ADDRESS), SUPERVISOR]
    assert [part.link for part in statement(language, "Of these pages", "") if part.link] == [SUPERVISOR]


@pytest.mark.asyncio
async def test_every_page_leads_to_the_statement_and_to_the_address(tmp_path: Path) -> None:
    async with (
        door("monitor", tmp_path, feedback_address=ADDRESS) as monitor,
        door("feedback", tmp_path, feedback_address=ADDRESS) as feedback,
        signed_in(monitor) as inside,
        browser_of(monitor) as outside,
        browser_of(feedback) as participant,
    ):
        pages = [
            *[await inside.get(path) for path in ("/", "/dead-letters", "/dead-letters/none", "/settings")],
            await outside.get("/sign-in"),
            await participant.get("/f/unknown"),
        ]
        for page in pages:
            assert f'href="mailto:{ADDRESS}"' in page.text, page.url
            assert "accessibility" in page.text, page.url
        for client, path in ((outside, "/accessibility"), (participant, "/f/accessibility")):
            answer = await client.get(path, params={"lang": "sv"})
            assert answer.status_code == 200
            assert f"<h1>{TITLE['sv']}</h1>" in answer.text
