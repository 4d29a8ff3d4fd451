"""Pages as a browser has them: Debian's Chromium, driven by Playwright; axe judges them, widths are measured.

A file of tests starts one Chromium (a fixture around `chromium`), and each test opens pages in profiles of their own
(`opened`). `tests/validators/install` installs axe.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright
from starlette.types import ASGIApp

from shared.http.counted import Counted
from shared.http.server import bind, server
from shared.process.settings import PlatformSettings

REQUIRED: Final = "LAHETE_REQUIRE_BROWSER"
PICTURED: Final = "LAHETE_TEST_PICTURES"
WIDTHS: Final = (320, 768, 1280)
"""A phone or a page enlarged four times (WCAG 2.2, 1.4.10), a tablet, a desk; in CSS pixels."""
_ROOT: Final = Path(__file__).parents[1]
_AXE: Final = _ROOT / "tests/validators/node_modules/axe-core/axe.min.js"
_PICTURES: Final = _ROOT / ".lahete-pages"
_WITHOUT_ERRANDS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_SAYS_THE_STATUS: Final = "Failed to load resource: the server responded with a status of "
_FINDINGS: Final = """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations.flatMap(found =>
    found.nodes.map(node => `${found.id}: ${node.target} ${node.failureSummary}`))"""
_STICKING_OUT: Final = """() => {
    const { clientWidth: room, scrollWidth: wide } = document.documentElement;
    if (wide <= room) return [];
    const out = [...document.querySelectorAll("body *")].filter(one => one.getBoundingClientRect().right > room);
    return [`the page is ${wide} px wide and has ${room}`, ...out.map(one => one.outerHTML.slice(0, 120))];
}"""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The machine's Chromium, without a window. Skips, loudly, where it or axe is missing; fails where both are required."""
    found = shutil.which("chromium")
    if found is None or not _AXE.exists():
        lacks = "axe is not installed (tests/validators/install)" if found else "no chromium is here"
        assert not os.environ.get(REQUIRED), f"{REQUIRED} is set, and {lacks}"
        pytest.skip(f"{lacks}: pages are NOT looked at in a browser")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=_WITHOUT_ERRANDS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def served(app: ASGIApp, settings: PlatformSettings) -> AsyncIterator[str]:
    """The base address of an application behind the doors' own server, in this loop."""
    listening = bind("127.0.0.1", 0)
    http = server(Counted(app, "browser"), settings.bounds())
    serving = asyncio.create_task(http.serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        http.should_exit = True
        await serving


@asynccontextmanager
async def opened(
    browser: Browser, url: str, *, width: int = 1280, elsewhere: frozenset[str] = frozenset(), **profile: Any
) -> AsyncIterator[Page]:
    """The page at an address; `profile` as `Browser.new_context` takes it.

    At its end nothing came from another host than those of `elsewhere`, and the browser has had nothing to complain of: no error of a script, nothing
    that the policy of its content forbids. An answer's status is no complaint.
    """
    complaints: list[str] = []
    hosts: set[str] = set()

    def told(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(_SAYS_THE_STATUS):
            complaints.append(message.text)

    async with await browser.new_context(viewport={"width": width, "height": 900}, **profile) as context:
        page = await context.new_page()
        page.on("console", told)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        await page.goto(url)
        yield page
        assert complaints == []
        assert hosts - elsewhere == {urlsplit(url).netloc}


async def findings_of_axe(page: Page) -> list[str]:
    """What axe finds wrong with a page, an element a line; all its rules but the experimental ones."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(_AXE.read_text(encoding="utf-8"))
    found: list[str] = await page.evaluate(_FINDINGS)
    return found


async def sticking_out(page: Page) -> list[str]:
    """What makes a page scroll sideways, with its widths; nothing where it does not. Axe does not measure it."""
    found: list[str] = await page.evaluate(_STICKING_OUT)
    return found


def is_pictured() -> bool:
    """Whether a run takes its time for pages, as `.ci/run` does: pictures, and every theme in every language."""
    return bool(os.environ.get(PICTURED))


async def draw(page: Page, name: str) -> None:
    """Leaves a picture of the whole page in .lahete-pages/, for eyes, where they are asked for: each takes a quarter of a second."""
    if not is_pictured():
        return
    _PICTURES.mkdir(exist_ok=True)
    await page.screenshot(path=_PICTURES / f"{name}.png", full_page=True)
