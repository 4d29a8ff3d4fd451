"""The instruments: the questions of the form, in its own words, and how answers are scored.

The ten dimensions and their scale of 0 to 10 are those of 3X10D; the words are this platform's own, as are those of
experience_v1 and cooperation_v1. Of WHO-5 only the scoring stands here: its text belongs to others, so a partner's system asks it and
sends the answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from shared.contracts.participant_events import INSTRUMENTS

Language = Literal["fi", "sv", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("fi", "sv", "en")
Words = Mapping[Language, str]


def who5_score(answers: Mapping[str, int]) -> int:
    """WHO-5's score, 0 to 100: the raw sum of its five answers (0 to 25) times 4.

    Source: WHO, The World Health Organization-Five Well-Being Index (WHO-5), 2024, “Scoring”.
    """
    return 4 * sum(answers[item] for item in INSTRUMENTS["who5"])


@dataclass(frozen=True)
class Question:
    """One item as the form asks it: a heading, a question, and what the two ends of its scale mean."""

    heading: Words
    text: Words
    low: Words
    high: Words


def _words(fi: str, sv: str, en: str) -> Words:
    return {"fi": fi, "sv": sv, "en": en}


_BADLY = _words("erittäin huonosti", "mycket dåligt", "very badly")
_WELL = _words("erittäin hyvin", "mycket bra", "very well")


def _dimension(heading: Words, text: Words) -> Question:
    return Question(heading, text, _BADLY, _WELL)


_DIMENSIONS: Final[Mapping[str, Question]] = {
    "health": _dimension(
        _words("Terveys", "Hälsa", "Health"),
        _words(
            "Miten hyvin kehosi ja mielesi voivat?",
            "Hur bra mår du i kropp och sinne?",
            "How well are you doing in body and mind?",
        ),
    ),
    "resilience": _dimension(
        _words("Vaikeuksista selviäminen", "Att klara svårigheter", "Coping with difficulties"),
        _words(
            "Miten hyvin pääset eteenpäin, kun jokin menee vikaan?",
            "Hur bra kommer du vidare när något går snett?",
            "How well do you get going again when something goes wrong?",
        ),
    ),
    "housing": _dimension(
        _words("Asuminen", "Boende", "Home"),
        _words(
            "Miten hyvin kotisi ja asuinpaikkasi sopivat sinulle?",
            "Hur bra passar ditt hem och platsen där du bor dig?",
            "How well do your home and the place where you live suit you?",
        ),
    ),
    "working_studying": _dimension(
        _words("Työ, opiskelu ja muu tekeminen", "Arbete, studier och annat du gör", "Work, studies and other doings"),
        _words(
            "Miten hyvin sujuu se, mitä teet päivisin?",
            "Hur bra går det du gör om dagarna?",
            "How well are the things you do in your days going?",
        ),
    ),
    "family": _dimension(
        _words("Perhe", "Familj", "Family"),
        _words(
            "Miten hyvin sinulla ja perheelläsi menee keskenänne?",
            "Hur bra har du och din familj det med varandra?",
            "How well do you and your family get on together?",
        ),
    ),
    "friends": _dimension(
        _words("Ystävät", "Vänner", "Friends"),
        _words(
            "Miten hyvin löydät seuraa ja ystäviä, kun haluat?",
            "Hur bra hittar du sällskap och vänner när du vill?",
            "How well do you find company and friends when you want them?",
        ),
    ),
    "finance": _dimension(
        _words("Raha", "Pengar", "Money"),
        _words(
            "Miten hyvin rahasi riittävät siihen, mitä tarvitset?",
            "Hur bra räcker dina pengar till det du behöver?",
            "How well does your money cover what you need?",
        ),
    ),
    "improvement_of_strengths": _dimension(
        _words("Omat vahvuudet", "Egna styrkor", "Your strengths"),
        _words(
            "Miten hyvin pääset käyttämään ja kasvattamaan sitä, missä olet hyvä?",
            "Hur bra får du använda och utveckla det du är bra på?",
            "How well can you use and build on what you are good at?",
        ),
    ),
    "self_esteem": _dimension(
        _words("Suhde itseen", "Synen på mig själv", "Being yourself"),
        _words(
            "Miten hyvin viihdyt omana itsenäsi?",
            "Hur bra trivs du med att vara du?",
            "How well do you get along with yourself?",
        ),
    ),
    "life_satisfaction": _dimension(
        _words("Elämä kaikkiaan", "Livet som helhet", "Life as a whole"),
        _words(
            "Miten hyvin elämäsi sujuu kaikkiaan?",
            "Hur bra är ditt liv som helhet?",
            "How well is your life going, all in all?",
        ),
    ),
}

_EXPERIENCE: Final[Mapping[str, Question]] = {
    "satisfaction": Question(
        _words("Kokemus toiminnasta", "Din upplevelse", "Your experience"),
        _words(
            "Millaista toimintaan osallistuminen oli?",
            "Hur var det att vara med i verksamheten?",
            "What was it like to take part in the activity?",
        ),
        _words("erittäin huonoa", "mycket dåligt", "very bad"),
        _words("erittäin hyvää", "mycket bra", "very good"),
    ),
    "recommend": Question(
        _words("Suosittelu", "Rekommendation", "Recommending it"),
        _words(
            "Kertoisitko toiminnasta muille ja kehottaisitko heitä mukaan?",
            "Skulle du berätta om verksamheten för andra och be dem vara med?",
            "Would you tell others about the activity and ask them along?",
        ),
        _words("en missään tapauksessa", "absolut inte", "certainly not"),
        _words("ehdottomasti", "absolut", "certainly"),
    ),
}

_COOPERATION: Final[Mapping[str, Question]] = {
    "roles": Question(
        _words("Työnjako", "Arbetsfördelning", "Who does what"),
        _words(
            "Kuinka selvää on, kuka teistä tekee mitä?",
            "Hur tydligt är det vem av er som gör vad?",
            "How clear is it which of you does what?",
        ),
        _words("täysin epäselvää", "helt oklart", "not clear at all"),
        _words("täysin selvää", "helt klart", "completely clear"),
    ),
    "contact": Question(
        _words("Yhteydenpito", "Kontakt", "Contact"),
        _words(
            "Kuinka helposti tavoitatte toisenne, kun jotakin pitää sopia?",
            "Hur lätt når ni varandra när något behöver avtalas?",
            "How easily do you reach each other when something has to be agreed?",
        ),
        _words("erittäin vaikeasti", "mycket svårt", "with great difficulty"),
        _words("erittäin helposti", "mycket lätt", "very easily"),
    ),
    "agreed": Question(
        _words("Sovitun toteutuminen", "Det som avtalats", "What was agreed"),
        _words(
            "Kuinka hyvin se toteutuu, mitä olette sopineet?",
            "Hur väl förverkligas det som ni har avtalat?",
            "How well is what you agreed carried out?",
        ),
        _BADLY,
        _WELL,
    ),
}
_EXPERIENCE_OF_PARTNERS: Final[Mapping[str, Question]] = {
    "satisfaction": Question(
        _words("Tyytyväisyys", "Nöjdhet", "Satisfaction"),
        _words(
            "Kuinka tyytyväisiä organisaatiossanne ollaan tähän?",
            "Hur nöjda är ni i er organisation med detta?",
            "How satisfied is your organisation with this?",
        ),
        _words("erittäin tyytymättömiä", "mycket missnöjda", "very dissatisfied"),
        _words("erittäin tyytyväisiä", "mycket nöjda", "very satisfied"),
    ),
    "recommend": Question(
        _words("Suosittelu", "Rekommendation", "Recommending it"),
        _words(
            "Suosittelisitteko tätä toiselle organisaatiolle?",
            "Skulle ni rekommendera detta för en annan organisation?",
            "Would you recommend this to another organisation?",
        ),
        _words("emme missään tapauksessa", "absolut inte", "certainly not"),
        _words("ehdottomasti", "absolut", "certainly"),
    ),
}

QUESTIONS: Final[Mapping[str, Mapping[str, Question]]] = {"dimensions_v1": _DIMENSIONS, "experience_v1": _EXPERIENCE}
"""The instruments that the form can ask, item by item in the order of the form."""
TO_PARTNERS: Final[Mapping[str, Mapping[str, Question]]] = {
    "experience_v1": _EXPERIENCE_OF_PARTNERS,
    "cooperation_v1": _COOPERATION,
}
"""What partners answer for themselves, in words that their systems may show."""
