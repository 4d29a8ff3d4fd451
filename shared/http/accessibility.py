"""The accessibility statement of the pages for people, and the address to which one writes about them.

The Finnish act on the provision of digital services (306/2019), section 9, wants both; Traficom has supervised it since 2025.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, Field

_MAIL: Final = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_PAGE: Final = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/%-]*)?")
SUPERVISOR: Final = "https://www.saavutettavuusvaatimukset.fi/"


def _is_an_address(value: str) -> str:
    if value and not (_MAIL.fullmatch(value) or _PAGE.fullmatch(value)):
        raise ValueError("it is an e-mail address, or a page's that begins with https://, without a query")
    return value


FeedbackAddress = Annotated[
    str,
    AfterValidator(_is_an_address),
    Field(description="where people write about the pages: an e-mail address or a page by https, shown on every page"),
]
"""An e-mail address, or a page's by https; empty where the operator names none."""


def link_of(address: str) -> str:
    """What a page links to; empty without an address."""
    return f"mailto:{address}" if "@" in address else address


class StatementPart(NamedTuple):
    """A part of the statement."""

    heading: str
    text: str
    link: str = ""


def statement(language: str, of: str, address: str) -> list[StatementPart]:
    """The statement's parts in `fi`, `sv` or `en`. `of` names the pages in that language, in the nominative."""
    said = _SAID[language]
    to_us = said["to_us"] if address else said["no_address"]
    return [
        StatementPart(said["of"], f"{of}. {said['act']}"),
        StatementPart(said["state"], said["state_text"]),
        StatementPart(said["lacks"], said["lacks_text"]),
        StatementPart(said["write"], to_us, link_of(address)),
        StatementPart(said["complain"], said["complain_text"], SUPERVISOR),
    ]


TITLE: Final[Mapping[str, str]] = {
    "fi": "Saavutettavuusseloste",
    "sv": "Tillgänglighetsutlåtande",
    "en": "Accessibility statement",
}
_SAID: Final[Mapping[str, Mapping[str, str]]] = {
    "fi": {
        "of": "Mitä seloste koskee",
        "act": "Seloste perustuu lakiin digitaalisten palvelujen tarjoamisesta (306/2019).",
        "state": "Saavutettavuuden tila",
        "state_text": "Sivut on tehty täyttämään WCAG 2.2:n A- ja AA-taso. Palvelun tekijät arvioivat sivut itse jokaisen "
        "muutoksen yhteydessä: axe-tarkistin kolmella kielellä, mitattu leveys 320 pikselistä alkaen, käyttö pelkällä "
        "näppäimistöllä ja ilman skriptejä. Ulkopuolinen ei ole arvioinut sivuja.",
        "lacks": "Mikä ei ole saavutettavaa",
        "lacks_text": "Tiedossa olevia puutteita ei ole. Virheilmoitusten tarkka sanamuoto on joskus vain englanniksi, "
        "samoin kumppaneiden lähettämät tekstit siinä kielessä, jossa ne on kirjoitettu.",
        "write": "Anna palautetta",
        "to_us": "Kerro, jos jokin ei toimi, tai pyydä tieto toisessa muodossa. Vastaamme 14 päivässä.",
        "no_address": "Palautteen osoitetta ei ole asetettu. Kerro siitä sille, joka antoi sinulle tämän osoitteen.",
        "complain": "Jos vastaus ei riitä",
        "complain_text": "Voit tehdä ilmoituksen Liikenne- ja viestintävirasto Traficomille, joka valvoo saavutettavuutta.",
    },
    "sv": {
        "of": "Vad utlåtandet gäller",
        "act": "Utlåtandet bygger på lagen om tillhandahållande av digitala tjänster (306/2019).",
        "state": "Hur tillgängligt det är",
        "state_text": "Sidorna är gjorda för att uppfylla nivå A och AA i WCAG 2.2. Tjänstens upphovsmän bedömer själva "
        "sidorna vid varje ändring: granskaren axe på tre språk, uppmätt bredd från 320 bildpunkter, användning med enbart "
        "tangentbord och utan skript. Ingen utomstående har bedömt sidorna.",
        "lacks": "Vad som inte är tillgängligt",
        "lacks_text": "Inga brister är kända. Ett felmeddelandes exakta ordalydelse finns ibland bara på engelska, och "
        "partners texter på det språk som de är skrivna på.",
        "write": "Ge respons",
        "to_us": "Berätta om något inte fungerar, eller be om uppgiften i en annan form. Vi svarar inom 14 dagar.",
        "no_address": "Ingen adress för respons är angiven. Berätta om det för den som gav dig den här adressen.",
        "complain": "Om svaret inte räcker",
        "complain_text": "Du kan göra en anmälan till Transport- och kommunikationsverket Traficom, som övervakar "
        "tillgängligheten.",
    },
    "en": {
        "of": "What this concerns",
        "act": "The statement is made under the Finnish act on the provision of digital services (306/2019).",
        "state": "How accessible it is",
        "state_text": "The pages are made to meet levels A and AA of WCAG 2.2. Their makers assess the pages themselves at "
        "each change: the checker axe in three languages, widths measured from 320 pixels, use by keyboard alone and "
        "without scripts. Nobody from outside has assessed them.",
        "lacks": "What is not accessible",
        "lacks_text": "No faults are known. The exact wording of an error is sometimes in English alone, and partners' texts "
        "are in the language in which they were written.",
        "write": "Tell us",
        "to_us": "Tell us if something does not work, or ask for it in another form. We answer within 14 days.",
        "no_address": "No address for feedback is set. Tell whoever gave you the address of this page.",
        "complain": "If our answer is not enough",
        "complain_text": "You can complain to the Finnish Transport and Communications Agency Traficom, which supervises "
        "accessibility.",
    },
}
