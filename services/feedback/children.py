"""The form's questions in words for children: to a child of seven to fifteen, and to who answers for a smaller one.

The items and scales are the same as for all others, so that their answers can be compared.
"""

from collections.abc import Mapping
from typing import Final

from services.feedback.question import Question, Words, in_words

_LOW: Final = in_words("tosi huonosti", "jättedåligt", "really badly")
_HIGH: Final = in_words("tosi hyvin", "jättebra", "really well")
_BADLY: Final = in_words("erittäin huonosti", "mycket dåligt", "very badly")
_WELL: Final = in_words("erittäin hyvin", "mycket bra", "very well")


def _asks_child(heading: Words, text: Words) -> Question:
    return Question(heading, text, _LOW, _HIGH)


def _asks_of_child(heading: Words, text: Words) -> Question:
    return Question(heading, text, _BADLY, _WELL)


_ALL_IN_ALL: Final = _asks_child(
    in_words("Kaikki yhdessä", "Allt tillsammans", "All in all"),
    in_words(
        "Miten hyvin sinulla menee ihan kaikkiaan?",
        "Hur bra har du det allt som allt?",
        "How well are things going for you, all in all?",
    ),
)
TO_CHILD: Final[Mapping[str, Mapping[str, Question]]] = {
    "dimensions_v1": {
        "health": _asks_child(
            in_words("Keho ja mieli", "Kropp och sinne", "Body and mind"),
            in_words("Miten hyvin sinä voit?", "Hur bra mår du?", "How well do you feel?"),
        ),
        "resilience": _asks_child(
            in_words("Kun jokin menee pieleen", "När något går fel", "When something goes wrong"),
            in_words(
                "Miten hyvin selviät, kun jokin menee pieleen?",
                "Hur bra klarar du dig när något går fel?",
                "How well do you manage when something goes wrong?",
            ),
        ),
        "housing": _asks_child(
            in_words("Koti", "Hemma", "Home"),
            in_words("Miten hyvin viihdyt kotona?", "Hur bra trivs du hemma?", "How well do you like it at home?"),
        ),
        "working_studying": _asks_child(
            in_words("Koulu", "Skolan", "School"),
            in_words("Miten hyvin koulussa menee?", "Hur bra går det i skolan?", "How well is school going?"),
        ),
        "family": _asks_child(
            in_words("Perhe", "Familjen", "Family"),
            in_words(
                "Miten hyvin tulet toimeen perheesi kanssa?",
                "Hur bra kommer du överens med din familj?",
                "How well do you get on with your family?",
            ),
        ),
        "friends": _asks_child(
            in_words("Kaverit", "Kompisar", "Friends"),
            in_words(
                "Miten hyvin sinulla menee kavereiden kanssa?",
                "Hur bra går det med kompisarna?",
                "How well are things going with your friends?",
            ),
        ),
        "finance": _asks_child(
            in_words("Tavarat ja raha", "Saker och pengar", "Things and money"),
            in_words(
                "Miten hyvin saat sen, mitä tarvitset?",
                "Hur bra får du det som du behöver?",
                "How well do you get what you need?",
            ),
        ),
        "improvement_of_strengths": _asks_child(
            in_words("Mitä osaat", "Det du kan", "What you can do"),
            in_words(
                "Miten hyvin saat tehdä sitä, missä olet hyvä?",
                "Hur bra får du göra det som du är bra på?",
                "How well do you get to do what you are good at?",
            ),
        ),
        "self_esteem": _asks_child(
            in_words("Minä itse", "Jag själv", "Being you"),
            in_words(
                "Miten hyvin viihdyt omana itsenäsi?",
                "Hur bra trivs du med att vara du?",
                "How well do you like being you?",
            ),
        ),
        "life_satisfaction": _ALL_IN_ALL,
    },
    "experience_v1": {
        "satisfaction": Question(
            in_words("Mukana", "Att vara med", "Being there"),
            in_words("Millaista oli olla mukana?", "Hur var det att vara med?", "What was it like to be there?"),
            in_words("tosi huonoa", "jättedåligt", "really bad"),
            in_words("tosi kivaa", "jätteroligt", "really fun"),
        ),
        "recommend": Question(
            in_words("Kaverille", "Till en kompis", "To a friend"),
            in_words(
                "Sanoisitko kaverille: tule mukaan?",
                "Skulle du säga till en kompis: kom med?",
                "Would you say to a friend: come along?",
            ),
            in_words("en ikinä", "aldrig", "never"),
            in_words("ihan varmasti", "alldeles säkert", "for sure"),
        ),
    },
    "afterwards_v1": {
        "still_taking_part": Question(
            in_words("Vielä mukana", "Fortfarande med", "Still taking part"),
            in_words(
                "Käytkö vielä samassa paikassa tai jossain muussa harrastuksessa?",
                "Går du fortfarande på samma ställe eller på någon annan hobby?",
                "Do you still go to the same place, or have you another hobby?",
            ),
            in_words("En", "Nej", "No"),
            in_words("Käyn", "Ja", "Yes"),
        ),
        "life_satisfaction": _ALL_IN_ALL,
    },
}

_OF_CHILD_ALL_IN_ALL: Final = _asks_of_child(
    in_words("Elämä kaikkiaan", "Livet som helhet", "Life as a whole"),
    in_words(
        "Miten hyvin lapsella menee kaikkiaan?",
        "Hur bra har barnet det som helhet?",
        "How well is the child doing, all in all?",
    ),
)
OF_SMALL_CHILD: Final[Mapping[str, Mapping[str, Question]]] = {
    "dimensions_v1": {
        "health": _asks_of_child(
            in_words("Terveys", "Hälsa", "Health"),
            in_words(
                "Miten hyvin lapsi voi, kehossa ja mielessä?",
                "Hur bra mår barnet i kropp och sinne?",
                "How well is the child doing in body and mind?",
            ),
        ),
        "resilience": _asks_of_child(
            in_words("Kun jokin harmittaa", "När något känns svårt", "When something is upsetting"),
            in_words(
                "Miten hyvin lapsi rauhoittuu ja jatkaa, kun jokin harmittaa?",
                "Hur bra lugnar sig barnet och går vidare när något känns svårt?",
                "How well does the child calm down and go on when something is upsetting?",
            ),
        ),
        "housing": _asks_of_child(
            in_words("Koti", "Hemmet", "Home"),
            in_words(
                "Miten hyvin lapsi viihtyy kotona?",
                "Hur bra trivs barnet hemma?",
                "How well does the child like it at home?",
            ),
        ),
        "working_studying": _asks_of_child(
            in_words("Päivät ja leikki", "Dagarna och leken", "Days and play"),
            in_words(
                "Miten hyvin lapsen päivät sujuvat, päiväkodissa tai kotona?",
                "Hur bra går barnets dagar, på dagis eller hemma?",
                "How well do the child's days go, in day care or at home?",
            ),
        ),
        "family": _asks_of_child(
            in_words("Perhe", "Familj", "Family"),
            in_words(
                "Miten hyvin lapsella ja perheellä menee keskenään?",
                "Hur bra har barnet och familjen det med varandra?",
                "How well do the child and the family get on together?",
            ),
        ),
        "friends": _asks_of_child(
            in_words("Leikkikaverit", "Lekkamrater", "Playmates"),
            in_words(
                "Miten hyvin lapsi löytää leikkikavereita?",
                "Hur bra hittar barnet lekkamrater?",
                "How well does the child find others to play with?",
            ),
        ),
        "finance": _asks_of_child(
            in_words("Raha", "Pengar", "Money"),
            in_words(
                "Miten hyvin perheen rahat riittävät siihen, mitä lapsi tarvitsee?",
                "Hur bra räcker familjens pengar till det som barnet behöver?",
                "How well does the family's money cover what the child needs?",
            ),
        ),
        "improvement_of_strengths": _asks_of_child(
            in_words("Lapsen vahvuudet", "Barnets styrkor", "The child's strengths"),
            in_words(
                "Miten hyvin lapsi saa tehdä sitä, mistä pitää ja missä on hyvä?",
                "Hur bra får barnet göra det som hen tycker om och är bra på?",
                "How well can the child do what they like and are good at?",
            ),
        ),
        "self_esteem": _asks_of_child(
            in_words("Lapsi omana itsenään", "Att vara sig själv", "Being themselves"),
            in_words(
                "Miten hyvin lapsi viihtyy omana itsenään?",
                "Hur bra trivs barnet med att vara sig själv?",
                "How well does the child like being who they are?",
            ),
        ),
        "life_satisfaction": _OF_CHILD_ALL_IN_ALL,
    },
    "experience_v1": {
        "satisfaction": Question(
            in_words("Kokemus toiminnasta", "Barnets upplevelse", "The child's experience"),
            in_words(
                "Millaista lapsen oli olla mukana?",
                "Hur var det för barnet att vara med?",
                "What was it like for the child to be there?",
            ),
            in_words("erittäin huonoa", "mycket dåligt", "very bad"),
            in_words("erittäin hyvää", "mycket bra", "very good"),
        ),
        "recommend": Question(
            in_words("Suosittelu", "Rekommendation", "Recommending it"),
            in_words(
                "Kertoisitko toiminnasta muille perheille ja kehottaisitko heitä mukaan?",
                "Skulle du berätta om verksamheten för andra familjer och be dem vara med?",
                "Would you tell other families about the activity and ask them along?",
            ),
            in_words("en missään tapauksessa", "absolut inte", "certainly not"),
            in_words("ehdottomasti", "absolut", "certainly"),
        ),
    },
    "afterwards_v1": {
        "still_taking_part": Question(
            in_words("Mukana edelleen", "Fortfarande med", "Still taking part"),
            in_words(
                "Käykö lapsi edelleen tässä tai jossain muussa toiminnassa?",
                "Går barnet fortfarande på den här verksamheten eller någon annan?",
                "Does the child still take part in this activity, or in another?",
            ),
            in_words("Ei", "Nej", "No"),
            in_words("Kyllä", "Ja", "Yes"),
        ),
        "life_satisfaction": _OF_CHILD_ALL_IN_ALL,
    },
}
