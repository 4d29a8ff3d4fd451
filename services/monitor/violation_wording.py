"""The words of a text about what a sender did wrong, in Finnish, Swedish and English."""

from collections.abc import Mapping
from typing import Final

from shared.http.language import LANGUAGES

_WORDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "intro": (
        "Kulttuurilähete ei ole voinut ottaa vastaan kaikkea, mitä {sender} on lähettänyt. Tilanne {now}:",
        "Kulttuurilähete har inte kunnat ta emot allt som {sender} har skickat. Läget {now}:",
        "Kulttuurilähete could not take all that {sender} has sent. As of {now}:",
    ),
    "none": (
        "Kulttuurilähete on ottanut vastaan kaiken, mitä {sender} on lähettänyt. Tilanne {now}.",
        "Kulttuurilähete har tagit emot allt som {sender} har skickat. Läget {now}.",
        "Kulttuurilähete has taken all that {sender} has sent. As of {now}.",
    ),
    "no_class": ("tuntematon luokka", "okänd klass", "an unknown class"),
    "of_field": ("{type}, kenttä {pointer}", "{type}, fältet {pointer}", "{type}, the field {pointer}"),
    "how_often": (
        "Kertoja: {count}. Ensimmäinen {first}, viimeisin {last}.",
        "Antal gånger: {count}. Första gången {first}, senast {last}.",
        "Times: {count}. The first {first}, the last {last}.",
    ),
    "wanted": (
        "Kenttä sopimuksen mukaan (englanniksi): {wanted}",
        "Fältet enligt kontraktet (på engelska): {wanted}",
        "The field, by the contract: {wanted}",
    ),
    "rule": (
        "Arvon muoto (JSON Schema): {rule}",
        "Värdets form (JSON Schema): {rule}",
        "The value's form (JSON Schema): {rule}",
    ),
    "answer": (
        "Alustan vastaus (englanniksi): {error}",
        "Plattformens svar (på engelska): {error}",
        "The platform's answer: {error}",
    ),
    "examples": (
        "Tapahtumien tunnisteita: {ids}",
        "Exempel på händelsernas id: {ids}",
        "Ids of such events: {ids}",
    ),
    "others": (
        "Lisäksi {count} tapahtumaa, joissa on muita vikoja ({faults} erilaista).",
        "Dessutom {count} händelser med andra fel ({faults} olika).",
        "Besides these, {count} events with other faults ({faults} different ones).",
    ),
    "end": (
        (
            "Jokaisen luokan skeema on sopimuksessa nimellä urn:kulttuurilahete:<luokka>:v1. Syötteenne kertoo jokaisesta"
            " tapahtumasta erikseen (EventRefused). Älkää lähettäkö tapahtumien sisältöä vastauksessanne."
        ),
        (
            "Varje klass har sitt schema i kontraktet, med namnet urn:kulttuurilahete:<klass>:v1. Ert flöde berättar om"
            " varje händelse för sig (EventRefused). Skicka inte händelsernas innehåll i ert svar."
        ),
        (
            "Each class has its schema in the contract, under the name urn:kulttuurilahete:<class>:v1. Your feed tells of"
            " each event by itself (EventRefused). Do not send what the events say in your answer."
        ),
    ),
    "undecodable": (
        "tapahtumaa ei voitu lukea",
        "händelsen gick inte att läsa",
        "the event could not be read",
    ),
    "undecodable_do": (
        "Lähettäkää tapahtuma CloudEvents-muodossa ja sen sisältö JSONina (UTF-8).",
        "Skicka händelsen som CloudEvents, med innehållet i JSON (UTF-8).",
        "Send the event as a CloudEvent, with its data in JSON (UTF-8).",
    ),
    "unknown_type": (
        "tapahtuman luokkaa tai sen versiota ei tunneta",
        "händelsens klass eller dess version är okänd",
        "nobody knows the event's class, or its version",
    ),
    "unknown_type_do": (
        "Tarkistakaa attribuutti type. Sopimus luettelee luokat, joita voi lähettää.",
        "Kontrollera attributet type. Kontraktet räknar upp klasserna som kan skickas.",
        "Look at the attribute type. The contract lists the classes that can be sent.",
    ),
    "invalid": (
        "tapahtuma ei ole sopimuksen mukainen",
        "händelsen följer inte kontraktet",
        "the event breaks the contract",
    ),
    "invalid_do": (
        "Korjatkaa kenttä ja lähettäkää tapahtuma uudelleen samalla tunnisteella.",
        "Rätta fältet och skicka händelsen på nytt med samma id.",
        "Mend the field and send the event again under the same id.",
    ),
    "personal_data": (
        "tapahtumassa on henkilötunnus; sitä ei otettu vastaan eikä säilytetä",
        "händelsen innehåller en personbeteckning; den togs inte emot och sparas inte",
        "a personal identity code stands in the event; it was not taken and is not kept",
    ),
    "personal_data_do": (
        "Lähettäkää tapahtuma ilman tunnusta ja selvittäkää, miten se päätyi tapahtumaan.",
        "Skicka händelsen utan beteckningen och ta reda på hur den kom in i händelsen.",
        "Send the event without the code, and find out how it came into the event.",
    ),
    "forged_sender": (
        "tapahtuma nimeää toisen lähettäjän, tai lähettäjä ei saa lähettää tätä luokkaa",
        "händelsen nämner en annan avsändare, eller avsändaren får inte skicka den här klassen",
        "the event names another sender, or this sender may not send the class",
    ),
    "forged_sender_do": (
        "Pitäkää attribuutti source omananne ja lähettäkää vain niitä luokkia, jotka sopimus antaa teidän lähettää.",
        "Använd er egen avsändare i attributet source och skicka bara klasser som kontraktet låter er skicka.",
        "Name yourselves in the attribute source, and send only classes that the contract lets you send.",
    ),
    "conflict": (
        "samalla tunnisteella on aiemmin tullut toinen sisältö",
        "samma id har tidigare kommit med ett annat innehåll",
        "the same id came before with another content",
    ),
    "conflict_do": (
        "Antakaa jokaiselle uudelle tapahtumalle oma tunniste; vain muuttumattoman tapahtuman voi toistaa.",
        "Ge varje ny händelse ett eget id; bara en oförändrad händelse kan skickas om.",
        "Give each new event an id of its own; only an unchanged event can be repeated.",
    ),
    "rejected": (
        "tapahtuma on sopimuksen mukainen, mutta sitä ei voitu soveltaa",
        "händelsen följer kontraktet, men kunde inte tillämpas",
        "the event keeps to the contract, but could not be applied",
    ),
    "rejected_do": (
        "Tarkistakaa, mitä tapahtuma koskee, ja korjatkaa syy. Kertokaa ylläpidolle, jos tapahtuma pitää käsitellä uudelleen.",
        "Kontrollera vad händelsen gäller och åtgärda orsaken. Säg till driften om händelsen ska behandlas på nytt.",
        "Look at what the event concerns and mend the cause. Tell the ops team if the event should be tried again.",
    ),
}


def words_in(language: str) -> Mapping[str, str]:
    """All words of one language: fi, sv or en."""
    nth = list(LANGUAGES).index(language)
    return {name: texts[nth] for name, texts in _WORDS.items()}
