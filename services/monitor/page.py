"""The start page: what runs here, and where to look. Plain HTML, three languages, no script, nothing from elsewhere."""

from importlib.resources import files
from typing import Final

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from shared.http.language import LANGUAGE, LANGUAGES, negotiated
from shared.http.operations import Operation, page

_TEMPLATE = Environment(autoescape=True).from_string(
    files("services.monitor").joinpath("templates/start.html").read_text(encoding="utf-8")
)

TEXTS = {
    "fi": {
        "title": "Kulttuurilähete: valvonta",
        "lead": "Lähetteiden tie hyvinvointialueelta kansalaisopistoon ja takaisin. Tältä sivulta pääset tietoihin, "
        "joista näkee, mitä tiellä liikkuu. Vastaukset ovat JSON-muotoisia ja vaativat avaimen.",
        "for_ops": "Ylläpidolle",
        "for_all": "Kaikille",
        "address": "Osoite",
        "what": "Mitä sieltä näkee",
        "caption": "Valvonnan osoitteet",
        "key": "Avain annetaan otsakkeessa Authorization: Bearer <avain>.",
        "language": "Kieli",
    },
    "sv": {
        "title": "Kulttuurilähete: övervakning",
        "lead": "Remissens väg från välfärdsområdet till medborgarinstitutet och tillbaka. Härifrån kommer du till det "
        "som visar vad som rör sig på vägen. Svaren är JSON och kräver en nyckel.",
        "for_ops": "För driften",
        "for_all": "För alla",
        "address": "Adress",
        "what": "Vad den visar",
        "caption": "Övervakningens adresser",
        "key": "Nyckeln ges i rubriken Authorization: Bearer <nyckel>.",
        "language": "Språk",
    },
    "en": {
        "title": "Kulttuurilähete: monitor",
        "lead": "The road of a referral, from a wellbeing services county to an adult education centre and back. From "
        "here you reach what shows the traffic on it. Answers are JSON and need a key.",
        "for_ops": "For the ops team",
        "for_all": "For everybody",
        "address": "Address",
        "what": "What it shows",
        "caption": "Addresses of the monitor",
        "key": "Send the key in the header Authorization: Bearer <key>.",
        "language": "Language",
    },
}

LINKS = (
    (
        "/v1/lag",
        {
            "fi": "mikä palvelu on jäljessä, tapahtumina ja sekunteina",
            "sv": "vilken tjänst som släpar efter, i händelser och sekunder",
            "en": "which service is behind, in events and seconds",
        },
    ),
    (
        "/v1/dead-letters",
        {
            "fi": "tapahtumat, joita ei voitu käsitellä, ja miksi",
            "sv": "händelser som inte kunde behandlas, och varför",
            "en": "events that could not be taken, and why",
        },
    ),
    (
        "/v1/traces/{id}",
        {
            "fi": "yhden lähetteen koko matka syyjärjestyksessä; hae lähetteen tunnuksella tai koodilla tai tapahtuman tunnuksella",
            "sv": "en remiss hela väg i orsaksordning; sök med remissens id eller kod eller en händelses id",
            "en": "one referral's whole way, causes first; by its id or code, or an event's id",
        },
    ),
    (
        "/v1/events/{id}?source=",
        {"fi": "mitä yhdelle tapahtumalle kävi", "sv": "vad som blev av en händelse", "en": "what became of one event"},
    ),
)
OPEN_LINKS = (
    (
        "/health/ready",
        {
            "fi": "onko valvonta toiminnassa ja mitä puuttuu",
            "sv": "om övervakningen fungerar och vad som saknas",
            "en": "whether the monitor works, and what it lacks",
        },
    ),
    (
        "/metrics",
        {"fi": "mittarit Prometheusta varten", "sv": "mätvärden för Prometheus", "en": "metrics for Prometheus"},
    ),
)


async def start_page(request: Request) -> Response:
    """The start page: what runs here, and where to look; public."""
    language = negotiated(request)
    html = _TEMPLATE.render(
        language=language, languages=LANGUAGES, text=TEXTS[language], links=LINKS, open_links=OPEN_LINKS
    )
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
    return HTMLResponse(html, headers=headers)


OPERATION: Final = Operation("GET", "/", start_page, {200: page("The start page.")}, takes=(LANGUAGE,))
