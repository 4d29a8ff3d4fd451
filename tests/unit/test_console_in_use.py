"""The console while somebody uses it: single keys, what a renewal leaves alone, a session that ends in mid-form."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from services.monitor.console.frame import KEYS_COOKIE, THEME_COOKIE
from tests.browser import opened, served
from tests.unit.console_door import FORM, LATE, OPS, READER, REFERRAL, console, signed_in, token_of
from tests.unit.doors import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Desk(NamedTuple):
    """Where the console answers, and the service behind it."""

    monitor: Door
    base: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with console(tmp_path_factory.mktemp("console")) as one:
        monitor = one.doors["monitor"]
        async with served(monitor.app, monitor.wired.settings) as base:
            yield Desk(monitor, base)


@asynccontextmanager
async def at(browser: Browser, desk: Desk, path: str, who: str = OPS) -> AsyncIterator[Page]:
    """A page after signing in."""
    async with opened(browser, f"{desk.base}{path}", locale="en-GB") as page:
        await page.fill("#key", f"key of {who}")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{desk.base}{path}")
        yield page


async def test_a_single_key_leads_to_a_page_and_to_the_field_to_find_something(browser: Browser, desk: Desk) -> None:
    async with at(browser, desk, "/lag") as page:
        for key, path in (("u", "/overdue"), ("d", "/dead-letter-groups"), ("c", "/checks"), ("o", "/")):
            await page.keyboard.press(key)
            await page.wait_for_url(f"{desk.base}{path}")
        await page.keyboard.press("/")
        assert await page.locator(":focus").get_attribute("id") == "find"
        await page.keyboard.type("ud/?")
        assert await page.locator("#find").input_value() == "ud/?", "in a field they are letters"
        await page.locator("#find").blur()
        await page.keyboard.press("?")
        await page.wait_for_url(f"{desk.base}/settings#keys")


async def test_a_single_key_does_nothing_with_another_one_in_a_dialog_or_once_it_is_switched_off(
    browser: Browser, desk: Desk
) -> None:
    async with at(browser, desk, "/settings") as page:
        left_alone = "addEventListener('keydown', (event) => { window.left = !event.defaultPrevented; })"
        await page.evaluate(left_alone)
        for held in ("Control", "Alt", "Meta"):
            await page.keyboard.press(f"{held}+u")
            assert await page.evaluate("window.left")
        await page.evaluate("document.body.append(document.createElement('dialog'))")
        await page.evaluate("document.querySelector('dialog').showModal()")
        await page.keyboard.press("u")
        assert await page.evaluate("window.left")
        await page.keyboard.press("Escape")
        await page.get_by_label("Switched off").check()
        await page.get_by_role("button", name="Save").click()
        await page.locator("script[src$='keys.js']").wait_for(state="detached")
        assert await page.locator("[aria-keyshortcuts]").count() == 0
        await page.evaluate(left_alone)
        await page.keyboard.press("u")
        assert await page.evaluate("window.left")


async def test_keys_are_switched_off_without_a_script_and_the_colours_stay(desk: Desk) -> None:
    async with signed_in(desk.monitor) as client:
        assert "keys.js" in (await client.get("/lag")).text
        said = {"theme": "dark", "keys": "off", "form_token": token_of(desk.monitor, client)}
        assert (await client.post("/settings", data=said, headers=FORM)).status_code == 303
        assert (client.cookies[KEYS_COOKIE], client.cookies[THEME_COOKIE]) == ("off", "dark")
        page = (await client.get("/lag")).text
        assert "keys.js" not in page
        assert "aria-keyshortcuts" not in page
        assert 'data-theme="dark"' in page
        wrong = await client.post("/settings", data={**said, "keys": "<b>"}, headers=FORM)
        assert wrong.status_code == 200
        assert client.cookies[KEYS_COOKIE] == "off"


async def renewed(page: Page) -> None:
    """The page renews itself now, and has done so."""
    await page.evaluate("document.querySelector('#as-of').textContent = 'as of before'")
    await page.evaluate("window.dispatchEvent(new Event('focus'))")
    await page.locator("#as-of time").wait_for()


BUSY = {
    "a selection": "getSelection().selectAllChildren(document.querySelector('#late'))",
    "the focus": "document.querySelector('#late a').focus()",
    "a field in use": "document.querySelector('#late').append(document.createElement('input'));"
    "document.querySelector('#late input').focus()",
}


async def test_a_renewal_leaves_alone_what_is_in_use_and_renews_the_rest(browser: Browser, desk: Desk) -> None:
    async with at(browser, desk, "/overdue") as page:
        for busy, made in BUSY.items():
            await page.evaluate("document.querySelector('#late').dataset.mine = 'yes'")
            await page.evaluate(made)
            await renewed(page)
            assert await page.locator("#late").get_attribute("data-mine") == "yes", busy
            await page.evaluate("getSelection().removeAllRanges(); document.activeElement.blur()")
            await renewed(page)
            assert await page.locator("#late").get_attribute("data-mine") is None, busy
        await page.evaluate("document.querySelector('#late').dataset.mine = 'yes'")
        await page.evaluate("document.body.append(document.createElement('dialog'))")
        await page.evaluate("document.querySelector('dialog').showModal()")
        await page.evaluate("document.querySelector('[data-said]').textContent = 'under way'")
        await page.evaluate("window.dispatchEvent(new Event('focus'))")
        await page.locator("[data-said]:empty").wait_for(state="attached")
        assert await page.locator("#late").get_attribute("data-mine") == "yes", "an open dialog"


async def test_what_was_typed_when_the_session_ended_is_sent_after_signing_in_again(
    browser: Browser, desk: Desk
) -> None:
    async with at(browser, desk, f"/overdue/{LATE}") as page:
        await page.fill("#note", "the region was called: ä <b>")
        await page.context.clear_cookies(name=desk.monitor.app.state.sessions.cookie)
        await page.get_by_role("button", name="Save").click()
        await page.fill("#key", f"key of {OPS}")
        await page.keyboard.press("Enter")
        await page.get_by_text("the region was called: ä <b>").wait_for()
        desk.monitor.written.clear()
        await page.get_by_role("button", name="Send now").click()
        await page.wait_for_url(f"{desk.base}/overdue")
        (said,) = [one.value for one in desk.monitor.written if b"the region was called" in (one.value or b"")]
        assert said is not None


async def test_what_a_reader_may_not_do_is_shown_to_him_disabled_with_why(desk: Desk) -> None:
    async with signed_in(desk.monitor, READER) as client:
        late = (await client.get("/overdue")).text
        assert '<span class="off">Take over <small>for ops alone</small></span>' in late
        assert f'href="/overdue/{LATE}"' not in late
        course = (await client.get(f"/referrals/{REFERRAL}")).text
        assert "</time> <small>for ops alone</small></span></th>" in course
        assert "/dead-letters/" not in course
        care = (await client.get(f"/overdue/{LATE}")).text
        assert 'aria-disabled="true" aria-describedby="why-not">Save</button>' in care
        assert 'id="why-not">for ops alone</p>' in care
        said = {"owner": OPS, "form_token": token_of(desk.monitor, client)}
        refused = await client.post(f"/overdue/{LATE}", data=said, headers=FORM)
        assert '<div class="notice bad" role="alert">' in refused.text
