"""The participant's pages in a browser: nothing scrolls sideways, axe finds nothing wrong, the scale stands in one row."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser import WIDTHS, draw, findings_of_axe, opened, served, sticking_out
from tests.unit.facts import a_referral
from tests.unit.feedback_door import client_of, opened_door, path_of_form
from tests.unit.feedback_facts import completed, issued, reserved

pytestmark = pytest.mark.asyncio(loop_scope="module")
LANGUAGES = ("fi", "sv", "en")
BANDS = {"small child": "0-6", "child": "7-12"}
PAGES = (
    "before",
    "after",
    "after_3_months",
    *(f"{phase}, {who}" for who in BANDS for phase in ("before", "after", "after_3_months")),
    "unknown",
    "accessibility",
)
SCOPES: Any = ("referral", "feedback", "follow_up")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def addresses(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, str]]:
    """The address of each page, by its name."""
    async with opened_door(tmp_path_factory.mktemp("feedback")) as door, client_of(door) as client:
        await door.context(issued(scopes=SCOPES), reserved(), completed())
        paths = {phase: await path_of_form(client, phase) for phase in PAGES[:3]}
        for number, (who, band) in enumerate(BANDS.items()):
            child = a_referral(number)
            await door.context(issued(scopes=SCOPES, age_band=band, referral=child), completed(referral=child))
            paths |= {f"{one}, {who}": await path_of_form(client, one, referral=child) for one in PAGES[:3]}
        async with served(door.app, door.settings) as base:
            yield {
                name: base + path
                for name, path in {**paths, "unknown": "/f/unknown", "accessibility": "/f/accessibility"}.items()
            }


@pytest.mark.parametrize("name", PAGES)
async def test_no_page_scrolls_sideways_and_axe_finds_nothing_wrong(
    browser: Browser, addresses: dict[str, str], name: str
) -> None:
    """Each language at every width, and by axe at one of them, each width in another language."""
    async with opened(browser, f"{addresses[name]}?lang={LANGUAGES[0]}") as page:
        for language, looked_at in zip(LANGUAGES, WIDTHS, strict=True):
            await page.goto(f"{addresses[name]}?lang={language}")
            assert await page.locator("html").get_attribute("lang") == language
            for width in WIDTHS:
                await page.set_viewport_size({"width": width, "height": 900})
                await draw(page, f"feedback-{name.replace(', ', '-')}-{language}-{width}")
                assert await sticking_out(page) == [], (language, width)
                if width == looked_at:
                    assert await findings_of_axe(page) == [], (language, width)


@pytest.mark.parametrize(("width", "rows"), [(320, 4), (768, 1), (1280, 1)])
async def test_the_scale_stands_in_one_row_where_there_is_room(
    browser: Browser, addresses: dict[str, str], width: int, rows: int
) -> None:
    async with opened(browser, addresses["before"], width=width) as page:
        tops = (
            await page.locator(".choices")
            .first.locator("label")
            .evaluate_all("all => all.map(one => one.getBoundingClientRect().top)")
        )
        assert (len(tops), len(set(tops))) == (11, rows)
