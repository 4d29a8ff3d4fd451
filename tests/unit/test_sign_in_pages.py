"""Signing in by a provider in a browser: the provider is another site, so cookies and forms are kept as strictly as they ever are."""

from collections.abc import AsyncIterator
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from services.monitor.provider.answers import ProviderAnswers
from services.monitor.provider.provider import Provider
from services.monitor.settings import MonitorSettings
from tests.browser import draw, findings_of_axe, opened, served, sticking_out
from tests.unit.doors import door
from tests.unit.openid_provider import OpenIdProvider, provider

pytestmark = pytest.mark.asyncio(loop_scope="module")
NARROW = 320


class Sites(NamedTuple):
    """Where the console answers, and the provider, which is another site: localhost, and not 127.0.0.1."""

    console: str
    idp: OpenIdProvider

    @property
    def elsewhere(self) -> frozenset[str]:
        return frozenset({urlsplit(self.idp.address).netloc})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sites(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sites]:
    folder = tmp_path_factory.mktemp("console")
    with provider() as idp:
        idp.host = "localhost"
        async with door("monitor", folder, **idp.settings(folder)) as monitor:
            settings = monitor.wired.settings
            assert isinstance(settings, MonitorSettings)
            async with served(monitor.app, settings) as base:
                idp.console = base
                agreed = settings.provider()
                assert agreed
                here = agreed._replace(redirect=f"{base}/sign-in/provider/back", after_sign_out=f"{base}/sign-in")
                monitor.app.state.provider = Provider(here, ProviderAnswers(monitor.app.state.tls))
                yield Sites(base, idp)


async def is_in_order(page: Page) -> None:
    """Nothing of it sticks out, axe finds nothing, and it has one heading of its own."""
    assert await sticking_out(page) == []
    assert await findings_of_axe(page) == []
    assert await page.locator("h1").count() == 1


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
async def test_one_goes_to_the_provider_and_comes_back_to_where_one_wanted_to_go_and_out_of_both(
    browser: Browser, sites: Sites, scripts: bool
) -> None:
    address = f"{sites.console}/settings?lang=en"
    async with opened(browser, address, elsewhere=sites.elsewhere, java_script_enabled=scripts) as page:
        await page.get_by_role("link", name="Go to your organisation's log-in").click()
        await page.wait_for_url(address)
        assert "ops:3f2a-77" in await page.locator(".who").inner_text()
        cookies = {one["name"]: one for one in await page.context.cookies() if "lahete" in one["name"]}
        assert (cookies["lahete"]["sameSite"], cookies["lahete"]["httpOnly"]) == ("Strict", True)
        assert "lahete-journey" not in cookies
        await page.get_by_role("button", name="Sign out").click()
        await page.wait_for_url(f"{sites.idp.address}/end-session?*")
        await page.goto(address)
        assert urlsplit(page.url).path == "/sign-in"


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
async def test_the_page_to_sign_in_is_in_order_with_a_provider_and_with_each_of_its_faults(
    browser: Browser, sites: Sites, language: str
) -> None:
    for theme in ("light", "dark"):
        async with opened(
            browser, f"{sites.console}/sign-in?lang={language}", width=NARROW, color_scheme=theme
        ) as page:
            await draw(page, f"console-sign-in-provider-{language}-{theme}")
            await is_in_order(page)
            await page.goto(f"{sites.console}/sign-in/provider/back")
            assert await page.get_by_role("alert").count() == 1
            await is_in_order(page)


async def test_who_has_no_role_reads_why_and_what_can_be_done(browser: Browser, sites: Sites) -> None:
    honest, sites.idp.person["groups"] = sites.idp.person["groups"], ["others"]
    try:
        async with opened(browser, f"{sites.console}/sign-in?lang=en", elsewhere=sites.elsewhere) as page:
            await page.get_by_role("link", name="Go to your organisation's log-in").click()
            assert "no right to this console" in await page.get_by_role("alert").inner_text()
            await draw(page, "console-sign-in-not-let-in")
            await is_in_order(page)
    finally:
        sites.idp.person["groups"] = honest


async def test_what_was_typed_is_kept_while_another_tab_signs_in(browser: Browser, sites: Sites) -> None:
    address = f"{sites.console}/settings?lang=en"
    async with opened(browser, address, elsewhere=sites.elsewhere) as page:
        await page.get_by_role("link", name="Go to your organisation's log-in").click()
        await page.wait_for_url(address)
        await page.get_by_label("Dark").check()
        kept = [one for one in await page.context.cookies() if one["name"] != "lahete"]
        await page.context.clear_cookies(name="lahete")
        assert kept
        await page.get_by_role("main").get_by_role("button").first.click()
        await is_in_order(page)
        await draw(page, "console-sign-in-mid-form")
        async with page.context.expect_page() as tab:
            await page.get_by_role("link", name="Sign in in a new tab").click()
        await (await tab.value).wait_for_url(f"{sites.console}/")
        await page.get_by_role("button", name="I have signed in, go on").click()
        await page.get_by_role("button", name="Send now").click()
        await page.wait_for_url(f"{sites.console}/settings")
        assert await page.locator("html").get_attribute("data-theme") == "dark"
