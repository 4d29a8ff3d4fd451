"""The instruments: the questions of the form, in its own words, and how answers are scored.

The ten dimensions and their scale of 0 to 10 are those of 3X10D; the words are this platform's own, as are those of
experience_v1, cooperation_v1 and afterwards_v1; to children they are said in others (`children.py`). Of WHO-5 only the
scoring stands here: its text belongs to others, so a partner's system asks it and
sends the answers.
"""

from collections.abc import Mapping
from typing import Final

from services.feedback.addressees import Addressee
from services.feedback.children import OF_SMALL_CHILD, TO_CHILD
from services.feedback.question import Question, Words, in_words
from shared.contracts.participant_events import INSTRUMENTS


def who5_score(answers: Mapping[str, int]) -> int:
    """WHO-5's score, 0 to 100: the raw sum of its five answers (0 to 25) times 4.

    Source: WHO, The World Health Organization-Five Well-Being Index (WHO-5), 2024, “Scoring”.
    """
    return 4 * sum(answers[item] for item in INSTRUMENTS["who5"])


_BADLY = in_words("erittäin huonosti", "mycket dåligt", "very badly")
_WELL = in_words("erittäin hyvin", "mycket bra", "very well")


def _dimension(heading: Words, text: Words) -> Question:
    return Question(heading, text, _BADLY, _WELL)


_DIMENSIONS: Final[Mapping[str, Question]] = {
    "health": _dimension(
        in_words("Terveys", "Hälsa", "Health"),
        in_words(
            "Miten hyvin kehosi ja mielesi voivat?",
            "Hur bra mår du i kropp och sinne?",
            "How well are you doing in body and mind?",
        ),
    ),
    "resilience": _dimension(
        in_words("Vaikeuksista selviäminen", "Att klara svårigheter", "Coping with difficulties"),
        in_words(
            "Miten hyvin pääset eteenpäin, kun jokin menee vikaan?",
            "Hur bra kommer du vidare när något går snett?",
            "How well do you get going again when something goes wrong?",
        ),
    ),
    "housing": _dimension(
        in_words("Asuminen", "Boende", "Home"),
        in_words(
            "Miten hyvin kotisi ja asuinpaikkasi sopivat sinulle?",
            "Hur bra passar ditt hem och platsen där du bor dig?",
            "How well do your home and the place where you live suit you?",
        ),
    ),
    "working_studying": _dimension(
        in_words(
            "Työ, opiskelu ja muu tekeminen", "Arbete, studier och annat du gör", "Work, studies and other doings"
        ),
        in_words(
            "Miten hyvin sujuu se, mitä teet päivisin?",
            "Hur bra går det du gör om dagarna?",
            "How well are the things you do in your days going?",
        ),
    ),
    "family": _dimension(
        in_words("Perhe", "Familj", "Family"),
        in_words(
            "Miten hyvin sinulla ja perheelläsi menee keskenänne?",
            "Hur bra har du och din familj det med varandra?",
            "How well do you and your family get on together?",
        ),
    ),
    "friends": _dimension(
        in_words("Ystävät", "Vänner", "Friends"),
        in_words(
            "Miten hyvin löydät seuraa ja ystäviä, kun haluat?",
            "Hur bra hittar du sällskap och vänner när du vill?",
            "How well do you find company and friends when you want them?",
        ),
    ),
    "finance": _dimension(
        in_words("Raha", "Pengar", "Money"),
        in_words(
            "Miten hyvin rahasi riittävät siihen, mitä tarvitset?",
            "Hur bra räcker dina pengar till det du behöver?",
            "How well does your money cover what you need?",
        ),
    ),
    "improvement_of_strengths": _dimension(
        in_words("Omat vahvuudet", "Egna styrkor", "Your strengths"),
        in_words(
            "Miten hyvin pääset käyttämään ja kasvattamaan sitä, missä olet hyvä?",
            "Hur bra får du använda och utveckla det du är bra på?",
            "How well can you use and build on what you are good at?",
        ),
    ),
    "self_esteem": _dimension(
        in_words("Suhde itseen", "Synen på mig själv", "Being yourself"),
        in_words(
            "Miten hyvin viihdyt omana itsenäsi?",
            "Hur bra trivs du med att vara du?",
            "How well do you get along with yourself?",
        ),
    ),
    "life_satisfaction": _dimension(
        in_words("Elämä kaikkiaan", "Livet som helhet", "Life as a whole"),
        in_words(
            "Miten hyvin elämäsi sujuu kaikkiaan?",
            "Hur bra är ditt liv som helhet?",
            "How well is your life going, all in all?",
        ),
    ),
}

_EXPERIENCE: Final[Mapping[str, Question]] = {
    "satisfaction": Question(
        in_words("Kokemus toiminnasta", "Din upplevelse", "Your experience"),
        in_words(
            "Millaista toimintaan osallistuminen oli?",
            "Hur var det att vara med i verksamheten?",
            "What was it like to take part in the activity?",
        ),
        in_words("erittäin huonoa", "mycket dåligt", "very bad"),
        in_words("erittäin hyvää", "mycket bra", "very good"),
    ),
    "recommend": Question(
        in_words("Suosittelu", "Rekommendation", "Recommending it"),
        in_words(
            "Kertoisitko toiminnasta muille ja kehottaisitko heitä mukaan?",
            "Skulle du berätta om verksamheten för andra och be dem vara med?",
            "Would you tell others about the activity and ask them along?",
        ),
        in_words("en missään tapauksessa", "absolut inte", "certainly not"),
        in_words("ehdottomasti", "absolut", "certainly"),
    ),
}

_COOPERATION: Final[Mapping[str, Question]] = {
    "roles": Question(
        in_words("Työnjako", "Arbetsfördelning", "Who does what"),
        in_words(
            "Kuinka selvää on, kuka teistä tekee mitä?",
            "Hur tydligt är det vem av er som gör vad?",
            "How clear is it which of you does what?",
        ),
        in_words("täysin epäselvää", "helt oklart", "not clear at all"),
        in_words("täysin selvää", "helt klart", "completely clear"),
    ),
    "contact": Question(
        in_words("Yhteydenpito", "Kontakt", "Contact"),
        in_words(
            "Kuinka helposti tavoitatte toisenne, kun jotakin pitää sopia?",
            "Hur lätt når ni varandra när något behöver avtalas?",
            "How easily do you reach each other when something has to be agreed?",
        ),
        in_words("erittäin vaikeasti", "mycket svårt", "with great difficulty"),
        in_words("erittäin helposti", "mycket lätt", "very easily"),
    ),
    "agreed": Question(
        in_words("Sovitun toteutuminen", "Det som avtalats", "What was agreed"),
        in_words(
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
        in_words("Tyytyväisyys", "Nöjdhet", "Satisfaction"),
        in_words(
            "Kuinka tyytyväisiä organisaatiossanne ollaan tähän?",
            "Hur nöjda är ni i er organisation med detta?",
            "How satisfied is your organisation with this?",
        ),
        in_words("erittäin tyytymättömiä", "mycket missnöjda", "very dissatisfied"),
        in_words("erittäin tyytyväisiä", "mycket nöjda", "very satisfied"),
    ),
    "recommend": Question(
        in_words("Suosittelu", "Rekommendation", "Recommending it"),
        in_words(
            "Suosittelisitteko tätä toiselle organisaatiolle?",
            "Skulle ni rekommendera detta för en annan organisation?",
            "Would you recommend this to another organisation?",
        ),
        in_words("emme missään tapauksessa", "absolut inte", "certainly not"),
        in_words("ehdottomasti", "absolut", "certainly"),
    ),
}

_AFTERWARDS: Final[Mapping[str, Question]] = {
    "still_taking_part": Question(
        in_words("Mukana edelleen", "Fortfarande med", "Still taking part"),
        in_words(
            "Käytkö edelleen tässä tai jossain muussa toiminnassa?",
            "Går du fortfarande på den här verksamheten eller någon annan?",
            "Do you still take part in this activity, or in another?",
        ),
        in_words("En", "Nej", "No"),
        in_words("Kyllä", "Ja", "Yes"),
    ),
    "life_satisfaction": _DIMENSIONS["life_satisfaction"],
}

QUESTIONS: Final[Mapping[Addressee, Mapping[str, Mapping[str, Question]]]] = {
    "grown": {"dimensions_v1": _DIMENSIONS, "experience_v1": _EXPERIENCE, "afterwards_v1": _AFTERWARDS},
    "child": TO_CHILD,
    "small_child": OF_SMALL_CHILD,
}
"""To each addressee, the instruments that the form can ask, item by item in the order of the form."""
TO_PARTNERS: Final[Mapping[str, Mapping[str, Question]]] = {
    "experience_v1": _EXPERIENCE_OF_PARTNERS,
    "cooperation_v1": _COOPERATION,
}
"""What partners answer for themselves, in words that their systems may show."""
