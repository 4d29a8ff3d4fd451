"""The participant's pages in a browser: nothing scrolls sideways, axe finds nothing wrong, the scale stands in one row."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser import WIDTHS, chromium, draw, findings_of_axe, opened, served, sticking_out
from tests.unit.feedback_door import client_of, opened_door, path_of_form
from tests.unit.feedback_facts import completed, issued, reserved

pytestmark = pytest.mark.asyncio(loop_scope="module")
LANGUAGES = ("fi", "sv", "en")
PAGES = ("before", "after", "unknown", "accessibility")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def addresses(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, str]]:
    """The address of each page, by its name."""
    async with opened_door(tmp_path_factory.mktemp("feedback")) as door, client_of(door) as client:
        await door.context(issued(), reserved(), completed())
        paths = {phase: await path_of_form(client, phase) for phase in ("before", "after")}
        async with served(door.app, door.settings) as base:
            yield {
                name: base + path
                for name, path in {**paths, "unknown": "/f/unknown", "accessibility": "/f/accessibility"}.items()
            }


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
async def test_no_page_scrolls_sideways_and_axe_finds_nothing_wrong(
    browser: Browser, addresses: dict[str, str], name: str, language: str, width: int
) -> None:
    async with opened(browser, f"{addresses[name]}?lang={language}", width=width) as page:
        await draw(page, f"feedback-{name}-{language}-{width}")
        assert await sticking_out(page) == []
        assert await findings_of_axe(page) == []


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
