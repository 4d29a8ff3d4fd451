"""The form's words besides its questions, in Finnish, Swedish and English."""

from collections.abc import Mapping
from typing import Final

from services.feedback.instruments import LANGUAGES, Language

_WORDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "title_before": ("Miten sinulla menee nyt?", "Hur har du det just nu?", "How are things with you now?"),
    "title_after": (
        "Miten sinulla menee nyt, ja miltä toiminta tuntui?",
        "Hur har du det just nu, och hur var verksamheten?",
        "How are things with you now, and how was the activity?",
    ),
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

WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    language: {name: texts[at] for name, texts in _WORDS.items()} for at, language in enumerate(LANGUAGES)
}
