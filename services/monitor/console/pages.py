"""What a page of the console is, and a visit to it: who asks, in which language, and what the page may ask for him."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from services.monitor.console import asked
from services.monitor.console.sessions import SignedIn
from services.monitor.console.words import Words, words_of
from shared.http.keys import role_of

ROLES: Final = ("ops", "reader")
"""Who may sign in: `reader` looks, `ops` acts."""
Content = Mapping[str, Any]
Fields = Mapping[str, str]


class PartSaid(NamedTuple):
    """One part of a page: what an address said, or why it did not, so that the page shows the rest."""

    said: Any
    fault: str | None = None


@dataclass(frozen=True)
class Visit:
    """A request for a page by somebody who has signed in."""

    request: Request
    page: "ConsolePage"
    session: SignedIn
    language: str

    @property
    def who(self) -> str:
        """The holder of the key."""
        return self.session.holder

    @property
    def acts(self) -> bool:
        """Whether it is one who may act, and not look alone."""
        return role_of(self.who) == "ops"

    @property
    def words(self) -> Words:
        """The page's texts."""
        return words_of(self.page.name, self.language)

    def words_of(self, page: str) -> Words:
        """The texts of another page, or those that several pages share."""
        return words_of(page, self.language)

    @property
    def query(self) -> Mapping[str, str]:
        """What the page's address asks for; empty fields of a form ask for nothing."""
        return {name: value for name, value in self.request.query_params.items() if value and name in self.page.takes}

    async def ask(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """What one of the monitor's addresses says. Raises `NotAnswered`."""
        return await asked.ask(self.request, self.who, path, query)

    async def file(self, path: str, query: Mapping[str, str] | None = None) -> bytes:
        """What an address has as a file. Raises `NotAnswered`."""
        return await asked.ask_for_file(self.request, self.who, path, query)

    async def send(self, path: str, body: Any = None, *, method: str = "POST") -> Any:
        """Has one of the addresses do something. Raises `NotAnswered`."""
        return await asked.ask(self.request, self.who, path, method=method, body=body)

    async def part(self, path: str, query: Mapping[str, str] | None = None) -> PartSaid:
        """What an address says, or why it says nothing."""
        try:
            return PartSaid(await self.ask(path, query))
        except asked.NotAnswered as error:
            return PartSaid(None, error.detail)


Show = Callable[[Visit], Awaitable[Content | Response]]
Act = Callable[[Visit, Fields], Awaitable[Content | Response]]


@dataclass(frozen=True)
class ConsolePage:
    """One page. `name` is that of its texts and of its template.

    `menu`: the group of the menu in which it stands, if any. `roles`: who may see it. `takes`: the parameters of its
    address. `act`: what its form does. `renews`: whether it is kept up to date while it is open. `key`: the single key that
    leads to it, if any.
    """

    name: str
    path: str
    show: Show
    menu: str = ""
    roles: tuple[str, ...] = ROLES
    takes: tuple[str, ...] = ()
    act: Act | None = None
    renews: bool = False
    key: str = ""

    def is_for(self, who: str) -> bool:
        """Whether its holder's role may see it."""
        return role_of(who) in self.roles
