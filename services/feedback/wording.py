"""The form's words besides its questions, in Finnish, Swedish and English, and which of them children read instead."""

from collections.abc import Mapping
from typing import Final

from services.feedback.addressees import Addressee
from services.feedback.question import LANGUAGES, Language

_Texts = Mapping[str, tuple[str, str, str]]

_LATER: Final = (
    "Miten sinulla menee nyt, muutama kuukausi myöhemmin?",
    "Hur har du det nu, några månader senare?",
    "How are things with you now, some months later?",
)
_OF_CHILD_LATER: Final = (
    "Miten lapsella menee nyt, muutama kuukausi myöhemmin?",
    "Hur har barnet det nu, några månader senare?",
    "How is the child doing now, some months later?",
)
_WORDS: Final[_Texts] = {
    "title_before": ("Miten sinulla menee nyt?", "Hur har du det just nu?", "How are things with you now?"),
    "title_after": (
        "Miten sinulla menee nyt, ja miltä toiminta tuntui?",
        "Hur har du det just nu, och hur var verksamheten?",
        "How are things with you now, and how was the activity?",
    ),
    "title_after_3_months": _LATER,
    "title_after_6_months": _LATER,
    "intro": (
        "Vastauksesi auttavat parantamaan toimintaa.",
        "Dina svar hjälper till att göra verksamheten bättre.",
        "Your answers help to make the activities better.",
    ),
    "voluntary": (
        "Vastaaminen on vapaaehtoista, ja voit jättää kysymyksiä väliin. Nimeäsi ei kysytä.",
        "Det är frivilligt att svara och du kan hoppa över frågor. Vi frågar inte efter ditt namn.",
        "Answering is voluntary, and you may leave out questions. We do not ask your name.",
    ),
    "skip_to_form": ("Siirry kysymyksiin", "Gå till frågorna", "Skip to the questions"),
    "languages": ("Kieli", "Språk", "Language"),
    "who": ("Kuka vastaa?", "Vem svarar?", "Who is answering?"),
    "participant": ("Vastaan omasta puolestani", "Jag svarar för mig själv", "I answer for myself"),
    "carer": (
        "Vastaan läheiseni puolesta, hänen elämästään",
        "Jag svarar för en närstående, om hens liv",
        "I answer for someone I care for, about their life",
    ),
    "dimensions_v1": ("Elämäsi nyt", "Ditt liv just nu", "Your life now"),
    "experience_v1": (
        "Toiminta, johon osallistuit",
        "Verksamheten du var med i",
        "The activity you took part in",
    ),
    "afterwards_v1": ("Toiminnan jälkeen", "Efter verksamheten", "After the activity"),
    "scale": (
        "{low} tarkoittaa: {low_text}. {high} tarkoittaa: {high_text}.",
        "{low} betyder: {low_text}. {high} betyder: {high_text}.",
        "{low} means: {low_text}. {high} means: {high_text}.",
    ),
    "no_answer": ("En halua vastata", "Jag vill inte svara", "I prefer not to answer"),
    "send": ("Lähetä vastaukset", "Skicka svaren", "Send the answers"),
    "error_prefix": ("Virhe: ", "Fel: ", "Error: "),
    "errors_heading": (
        "Vastauksia ei voitu vielä lähettää",
        "Svaren kunde inte skickas ännu",
        "The answers could not be sent yet",
    ),
    "error": ("Virhe", "Fel", "Error"),
    "nothing_answered": (
        "Vastaa ainakin yhteen kysymykseen.",
        "Svara på åtminstone en fråga.",
        "Answer at least one question.",
    ),
    "not_a_choice": (
        "Valitse jokin annetuista vaihtoehdoista.",
        "Välj ett av alternativen.",
        "Choose one of the options given.",
    ),
    "not_now": (
        "Vastauksia ei saatu juuri nyt tallennettua. Odota hetki ja lähetä uudelleen.",
        "Svaren kunde inte sparas just nu. Vänta en stund och skicka igen.",
        "The answers could not be saved just now. Wait a moment and send them again.",
    ),
    "thanks": ("Kiitos vastauksistasi", "Tack för dina svar", "Thank you for your answers"),
    "thanks_text": (
        "Vastaukset on lähetetty. Voit sulkea tämän sivun.",
        "Svaren har skickats. Du kan stänga den här sidan.",
        "Your answers have been sent. You can close this page.",
    ),
    "unknown": ("Linkki ei toimi", "Länken fungerar inte", "This link does not work"),
    "unknown_text": (
        "Tarkista, että avasit linkin kokonaan. Jos se ei auta, pyydä uusi linkki siltä, joka antoi tämän.",
        "Kontrollera att du öppnade hela länken. Om det inte hjälper, be om en ny länk av den som gav dig den.",
        "Check that you opened the whole link. If that does not help, ask whoever gave you the link for a new one.",
    ),
    "expired": ("Linkki on vanhentunut", "Länken har gått ut", "This link has expired"),
    "expired_text": (
        "Pyydä uusi linkki siltä, joka antoi tämän.",
        "Be om en ny länk av den som gav dig den.",
        "Ask whoever gave you the link for a new one.",
    ),
    "used": ("Olet jo vastannut", "Du har redan svarat", "You have already answered"),
    "used_text": (
        "Tällä linkillä on lähetetty vastaukset. Kiitos!",
        "Svaren har skickats med den här länken. Tack!",
        "Answers have been sent with this link. Thank you!",
    ),
    "accessibility": ("Saavutettavuusseloste", "Tillgänglighetsutlåtande", "Accessibility statement"),
    "about_pages": ("Anna palautetta sivusta", "Ge respons på sidan", "Tell us about this page"),
    "statement_of": (
        "Seloste koskee Kulttuurilähetteen palautelomaketta",
        "Utlåtandet gäller Kulttuurilähetes responsformulär",
        "This statement is of Kulttuurilähete's feedback form",
    ),
    "unreadable": ("Lomaketta ei voitu lukea", "Formuläret kunde inte läsas", "The form could not be read"),
    "unreadable_text": (
        "Avaa linkki uudelleen ja vastaa sivun lomakkeella.",
        "Öppna länken på nytt och svara med sidans formulär.",
        "Open the link again and answer with the form on the page.",
    ),
}

_OF_CHILDREN: Final[Mapping[Addressee, _Texts]] = {
    "grown": {},
    "child": {
        "title_after": (
            "Miten sinulla menee nyt, ja millaista oli olla mukana?",
            "Hur har du det just nu, och hur var det att vara med?",
            "How are things with you now, and what was it like to take part?",
        ),
        "intro": (
            "Kun vastaat, tekemisestä voidaan tehdä entistä kivempaa.",
            "När du svarar kan det bli ännu roligare att vara med.",
            "Your answers help to make it even nicer.",
        ),
        "voluntary": (
            "Sinun ei ole pakko vastata, ja voit jättää kysymyksiä väliin. Nimeäsi ei kysytä. Aikuinen voi auttaa.",
            "Du måste inte svara och du kan hoppa över frågor. Vi frågar inte vad du heter. En vuxen kan hjälpa dig.",
            "You do not have to answer, and you may leave out questions. We do not ask your name. A grown-up may help you.",
        ),
        "participant": (
            "Vastaan itse tai aikuisen kanssa",
            "Jag svarar själv eller med en vuxen",
            "I answer myself, or with a grown-up",
        ),
        "carer": (
            "Olen aikuinen ja vastaan lapsen puolesta",
            "Jag är vuxen och svarar i barnets ställe",
            "I am a grown-up and answer in the child's place",
        ),
        "dimensions_v1": ("Sinä ja sinun päiväsi", "Du och dina dagar", "You and your days"),
        "experience_v1": ("Se, missä olit mukana", "Det du var med om", "What you took part in"),
        "afterwards_v1": ("Nyt", "Nu", "Now"),
        "no_answer": ("En vastaa tähän", "Jag svarar inte på det här", "I skip this one"),
    },
    "small_child": {
        "title_before": ("Miten lapsella menee nyt?", "Hur har barnet det just nu?", "How is the child doing now?"),
        "title_after": (
            "Miten lapsella menee nyt, ja miltä toiminta tuntui?",
            "Hur har barnet det just nu, och hur var verksamheten?",
            "How is the child doing now, and how was the activity?",
        ),
        "title_after_3_months": _OF_CHILD_LATER,
        "title_after_6_months": _OF_CHILD_LATER,
        "voluntary": (
            "Vastaaminen on vapaaehtoista, ja voit jättää kysymyksiä väliin. Nimiä ei kysytä.",
            "Det är frivilligt att svara och du kan hoppa över frågor. Vi frågar inte efter namn.",
            "Answering is voluntary, and you may leave out questions. We ask no names.",
        ),
        "carer": (
            "Vastaat lapsen puolesta, hänen elämästään.",
            "Du svarar i barnets ställe, om hens liv.",
            "You answer in the child's place, about the child's life.",
        ),
        "dimensions_v1": ("Lapsen elämä nyt", "Barnets liv just nu", "The child's life now"),
        "experience_v1": (
            "Toiminta, johon lapsi osallistui",
            "Verksamheten som barnet var med i",
            "The activity that the child took part in",
        ),
    },
}


def _by_language(texts: _Texts) -> Mapping[Language, Mapping[str, str]]:
    return {language: {name: said[at] for name, said in texts.items()} for at, language in enumerate(LANGUAGES)}


WORDS_TO: Final[Mapping[Addressee, Mapping[Language, Mapping[str, str]]]] = {
    addressee: _by_language({**_WORDS, **own}) for addressee, own in _OF_CHILDREN.items()
}
"""The form's words to each addressee."""
WORDS: Final = WORDS_TO["grown"]
"""The words of every page but the form."""
