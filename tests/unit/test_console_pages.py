"""The console's pages in a browser, in three languages and two themes, by keyboard alone and without scripts."""

from collections.abc import AsyncIterator
from typing import Any, Literal, NamedTuple
from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from services.monitor.console.frame import LANGUAGE_COOKIE
from tests.browser import WIDTHS, draw, findings_of_axe, is_pictured, opened, served, sticking_out
from tests.unit.console_door import LATE, OPS, READER, REFERRAL, a_redrive, console, later, lay, signed_in
from tests.unit.country import Country, an_event

pytestmark = pytest.mark.asyncio(loop_scope="module")
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
LANGUAGES = ("fi", "sv", "en")
PAGES = {
    "overview": "/",
    "checks": "/checks",
    "overdue": "/overdue",
    "care": f"/overdue/{LATE}",
    "search": "/referrals",
    "referral": f"/referrals/{REFERRAL}",
    "lag": "/lag",
    "groups": "/dead-letter-groups",
    "group": "/dead-letter-groups/unknown",
    "dead-letters": "/dead-letters",
    "discard": "/dead-letters/hostile-0/discard",
    "undo-discard": "/dead-letters/hostile-0/undo-discard",
    "redrive-letter": "/redrives/new?letter=hostile-0",
    "redrives": "/redrives",
    "redrive-order": "/redrives/new?reason=invalid&sender=/region/06",
    "discard-order": "/discards/new?reason=invalid&sender=/region/06",
    "discard-undo": "/discards/undo?reason=invalid",
    "redrive-one": "/redrives/{redrive}",
    "redrive-pause": "/redrives/{redrive}/pause",
    "senders": "/senders",
    "sender": "/senders/region/06",
    "sender-report": "/senders/region/06/report",
    "readers": "/readers",
    "flow": "/flow",
    "flow-of-one": "/flow?sender=region&to=referral",
    "live": "/live",
    "audit": "/audit",
    "settings": "/settings",
    "dead-letter": "/dead-letters/hostile-0",
    "edit": "/dead-letters/hostile-0/edit",
    "dead-letter-turned": "/dead-letters/hostile-1",
    "dead-letter-long": "/dead-letters/hostile-2",
    "accessibility": "/accessibility",
    "unknown": "/dead-letters/none",
}


class Place(NamedTuple):
    """Where the console answers, and the cookies of who has signed in, by name."""

    country: Country
    base: str
    redrive: str
    cookies: dict[str, list[dict[str, Any]]]

    def at(self, name: str, language: str) -> str:
        """The address of a page in a language."""
        address = f"{self.base}{PAGES[name].format(redrive=self.redrive)}"
        return f"{address}{'&' if '?' in address else '?'}lang={language}"

    def profile(self, who: str = OPS, language: str = "fi", **profile: Any) -> dict[str, Any]:
        cookies = [one for one in self.cookies[who] if one["name"] != LANGUAGE_COOKIE]
        chosen = {"name": LANGUAGE_COOKIE, "value": language, "domain": "127.0.0.1", "path": "/"}
        return {"storage_state": {"cookies": [*cookies, chosen], "origins": []}, **profile}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with console(tmp_path_factory.mktemp("console")) as one:
        monitor = one.doors["monitor"]
        redrive = await a_redrive(one)
        await lay(one)
        cookies = {}
        for who in (OPS, READER):
            async with signed_in(monitor, who) as client:
                cookies[who] = [
                    {"name": cookie.name, "value": cookie.value, "domain": "127.0.0.1", "path": "/"}
                    for cookie in client.cookies.jar
                ]
        async with served(monitor.app, monitor.wired.settings) as base:
            yield Place(one, base, redrive, cookies)


async def is_in_order(page: Page) -> None:
    """Nothing of it sticks out, axe finds nothing, and it has one heading of its own."""
    assert await sticking_out(page) == []
    assert await findings_of_axe(page) == []
    assert await page.locator("h1").count() == 1


@pytest.mark.parametrize("name", PAGES)
async def test_every_page_is_in_order_in_each_language_and_theme_at_every_width(
    browser: Browser, place: Place, name: str
) -> None:
    """A theme changes colours, whatever the language: unless pages are pictured, axe looks at each language in one of them."""
    async with opened(browser, place.at(name, LANGUAGES[0]), **place.profile()) as page:
        for nth, (language, pictured) in enumerate(zip(LANGUAGES, WIDTHS, strict=True)):
            if language != LANGUAGES[0]:
                await page.goto(place.at(name, language))
            assert await page.locator("html").get_attribute("lang") == language
            for width in WIDTHS:
                await page.set_viewport_size({"width": width, "height": 900})
                assert await sticking_out(page) == [], (language, width)
                if width == pictured:
                    await draw(page, f"console-{name}-{width}")
            for theme in THEMES if is_pictured() else (THEMES[nth % 2],):
                await page.emulate_media(color_scheme=theme)
                await is_in_order(page)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_page_to_sign_in_is_in_order(browser: Browser, place: Place, language: str) -> None:
    for theme in ("light", "dark"):
        async with opened(browser, f"{place.base}/sign-in?lang={language}", color_scheme=theme) as page:
            await draw(page, f"console-sign-in-{language}-{theme}")
            await is_in_order(page)


async def test_who_has_forced_colours_and_little_motion_has_the_page_in_order(browser: Browser, place: Place) -> None:
    profile = place.profile(forced_colors="active", reduced_motion="reduce")
    async with opened(browser, place.at("lag", "fi"), **profile) as page:
        for name in ("lag", "overview"):
            await page.goto(place.at(name, "fi"))
            await draw(page, f"console-{name}-forced-colours")
            await is_in_order(page)


async def test_by_keyboard_alone_and_without_a_script_one_signs_in_and_reads_a_dead_letter(
    browser: Browser, place: Place
) -> None:
    address = f"{place.base}/dead-letters?lang=en"
    async with opened(browser, address, java_script_enabled=False) as page:
        await page.locator("input:focus").wait_for()  # the page gives it the focus, as soon as it is drawn
        await page.keyboard.type(f"key of {OPS}")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{place.base}/dead-letters?lang=en")
        await page.keyboard.press("Tab")
        assert await page.locator(":focus").inner_text() == "Skip to content"
        await page.keyboard.press("Enter")
        for _ in range(20):
            await page.keyboard.press("Tab")
            if "/dead-letters/" in (await page.locator(":focus").get_attribute("href") or ""):
                break
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{place.base}/dead-letters/*")
        assert await page.locator("h1").inner_text() == "Dead letter"


async def test_the_menu_opens_on_a_phone_and_shows_a_reader_what_is_not_for_him(browser: Browser, place: Place) -> None:
    async with opened(browser, f"{place.base}/lag", width=320, **place.profile(READER, "en")) as page:
        menu = page.locator("#menu")
        assert not await menu.is_visible()
        await page.get_by_role("button", name="Menu").click()
        assert await menu.is_visible()
        await draw(page, "console-menu-320")
        assert await menu.locator(".off").all_inner_texts() == [
            "Dead letters by fault\nfor ops alone",
            "Dead letters\nfor ops alone",
            "Redrives\nfor ops alone",
            "Audit\nfor ops alone",
        ]
        await is_in_order(page)


async def test_a_page_renews_itself_where_nobody_is_busy_and_pauses_when_asked(browser: Browser, place: Place) -> None:
    async with opened(browser, f"{place.base}/lag", **place.profile(language="en")) as page:
        await page.evaluate("document.querySelector('#lag').innerHTML = '<p>as of before</p>'")
        pause = page.get_by_role("button", name="Pause updates")
        await pause.click()
        await page.evaluate("window.dispatchEvent(new Event('focus'))")
        assert await page.locator("#lag").inner_text() == "as of before"
        await page.evaluate("getSelection().selectAllChildren(document.querySelector('#lag'))")
        await page.evaluate("document.querySelector('#as-of').textContent = ''")
        await pause.click()
        await page.locator("#as-of time").wait_for()
        assert await page.locator("#lag").inner_text() == "as of before"
        await page.evaluate("getSelection().removeAllRanges()")
        await page.evaluate("window.dispatchEvent(new Event('focus'))")
        await page.locator("#lag table").first.wait_for()


COUNTS_WHAT_IS_FETCHED = """
    window.fetched = 0;
    const { fetch, EventSource: { prototype } } = window, add = prototype.addEventListener;
    window.fetch = (...asked) => { window.fetched += 1; return fetch(...asked); };
    window.heard = new Promise((done) => {
      prototype.addEventListener = function (kind, hear) {
        add.call(this, kind, (one) => { hear(one); if (kind === "message") done(); });
      };
    });"""


async def test_a_page_that_is_not_looked_at_stays_as_it_is_though_its_stream_tells_that_something_came(
    browser: Browser, place: Place
) -> None:
    async with opened(browser, f"{place.base}/live", **place.profile(READER, "en")) as page:
        await page.add_init_script(COUNTS_WHAT_IS_FETCHED)
        for is_in_focus in ("false", "true"):
            await page.reload()
            await page.evaluate(f"document.hasFocus = () => {is_in_focus}")
            await place.country.send(an_event("ReferralIssued", str(uuid4())))
            later(place.country)
            await page.evaluate("window.heard")
            assert await page.evaluate("window.fetched > 0") is (is_in_focus == "true")


async def test_what_comes_is_on_the_page_live_at_once_by_its_stream(browser: Browser, place: Place) -> None:
    async with opened(browser, f"{place.base}/live", **place.profile(READER, "en")) as page:
        event = an_event("ReferralIssued", str(uuid4()))
        await place.country.send(event)
        later(place.country)
        await page.get_by_text(event.id).first.wait_for()
