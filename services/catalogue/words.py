"""What the codes of a proposal's reasons are called in Finnish, Swedish and English."""

from collections.abc import Mapping
from typing import Final, Literal

Language = Literal["fi", "sv", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("fi", "sv", "en")
Words = tuple[str, str, str]
"""In the order of `LANGUAGES`."""

NEEDS: Final[Mapping[str, Words]] = {
    "health": ("terveys", "hälsa", "health"),
    "resilience": ("vaikeuksista selviäminen", "att klara svårigheter", "coping with difficulties"),
    "housing": ("asuminen", "boende", "home"),
    "working_studying": ("työ ja opiskelu", "arbete och studier", "work and studies"),
    "family": ("perhe", "familj", "family"),
    "friends": ("ystävät", "vänner", "friends"),
    "finance": ("raha", "pengar", "money"),
    "improvement_of_strengths": ("omat vahvuudet", "egna styrkor", "one's strengths"),
    "self_esteem": ("itsetunto", "självkänsla", "self-esteem"),
    "life_satisfaction": ("elämä kaikkiaan", "livet som helhet", "life as a whole"),
}
THEMES: Final[Mapping[str, Words]] = {
    "music": ("musiikki", "musik", "music"),
    "singing": ("laulu", "sång", "singing"),
    "visual_arts": ("kuvataide", "bildkonst", "visual arts"),
    "crafts": ("käsityöt", "hantverk", "crafts"),
    "dance": ("tanssi", "dans", "dance"),
    "theatre": ("teatteri", "teater", "theatre"),
    "literature": ("kirjallisuus", "litteratur", "literature"),
    "writing": ("kirjoittaminen", "skrivande", "writing"),
    "film": ("elokuva", "film", "film"),
    "photography": ("valokuvaus", "fotografi", "photography"),
    "nature": ("luonto", "natur", "nature"),
    "movement": ("liikunta", "motion", "movement"),
    "languages": ("kielet", "språk", "languages"),
    "cooking": ("ruoanlaitto", "matlagning", "cooking"),
    "digital": ("digitaidot", "digitala färdigheter", "digital skills"),
    "history": ("historia", "historia", "history"),
    "wellbeing": ("hyvinvointi", "välbefinnande", "wellbeing"),
    "social": ("yhdessäolo", "samvaro", "being together"),
}
ACCESSIBILITY: Final[Mapping[str, Words]] = {
    "step_free": ("esteetön kulku", "stegfri väg", "a way without steps"),
    "induction_loop": ("induktiosilmukka", "hörslinga", "an induction loop"),
    "quiet": ("rauhallinen tila", "lugnt rum", "a quiet room"),
    "sign_language": ("viittomakieli", "teckenspråk", "sign language"),
    "easy_language": ("selkokieli", "lätt språk", "easy language"),
    "companion_welcome": ("saattaja voi tulla mukaan", "ledsagare får följa med", "a companion may come along"),
}
FUNDING: Final[Mapping[str, Words]] = {
    "kaikukortti": ("Kaikukortilla", "med Kaikukortet", "with the Kaikukortti card"),
    "opintoseteli": ("opintosetelillä", "med studiesedel", "with a study voucher"),
    "agreement": (
        "sopimuksella: hyvinvointialue maksaa",
        "genom avtal: välfärdsområdet betalar",
        "by agreement: the region pays",
    ),
}
SPOKEN: Final[Mapping[str, Words]] = {
    "fi": ("suomi", "finska", "Finnish"),
    "sv": ("ruotsi", "svenska", "Swedish"),
    "en": ("englanti", "engelska", "English"),
    "se": ("pohjoissaame", "nordsamiska", "Northern Sami"),
    "ru": ("venäjä", "ryska", "Russian"),
    "et": ("viro", "estniska", "Estonian"),
    "uk": ("ukraina", "ukrainska", "Ukrainian"),
    "ar": ("arabia", "arabiska", "Arabic"),
    "so": ("somali", "somaliska", "Somali"),
}
"""Another language is called by its code."""
SUPPORTS: Final[Words] = ("Tukee", "Stöder", "Supports")
LIKED: Final[Words] = ("Toivottu teema", "Önskat tema", "Theme wished for")
WHERE: Final[Words] = ("Avoin kunnan asukkaille", "Öppen för kommunens invånare", "Open to residents of")
REMOTE: Final[Words] = ("Etänä", "På distans", "Remote")
IN: Final[Words] = ("Kieli", "Språk", "Language")
OFFERS: Final[Words] = ("Saavutettavuus", "Tillgänglighet", "Accessibility")
COMPANION: Final[Words] = (
    "Joku voi tulla mukaan ensimmäiselle kerralle",
    "Någon kan följa med första gången",
    "Somebody can come along to the first session",
)
FREE: Final[Words] = ("Maksuton", "Gratis", "Free of charge")
PRICE: Final[Words] = ("Hinta", "Pris", "Price")
AS_WISHED: Final[Words] = ("Hinta toiveen mukainen", "Priset enligt önskemål", "Price as wished")
ELSE: Final[Words] = ("muuten", "annars", "otherwise")
BEGINS: Final[Words] = ("Alkaa", "Börjar", "Begins")
WAITING: Final[Words] = ("Täynnä: jonotuslistalle", "Fullt: till väntelistan", "Full: on the waiting list")
SETTINGS: Final[Mapping[str, Words]] = {
    "course": ("kurssimuoto", "kursformen", "that it is a course"),
    "peer": ("vertaisryhmä", "kamratgruppen", "the group of peers"),
    "drop_in": ("avoimet ovet", "de öppna dörrarna", "the open doors"),
    "meets_people": ("ihmisten kohtaaminen", "att man träffar människor", "that one meets people"),
    "guidance": ("ohjaus", "handledningen", "the guidance"),
}
MOSTLY: Final[Words] = (
    "mitä useimmat palvelut tukevat",
    "vad de flesta tjänster stöder",
    "what most services help with",
)
CONFIRM: Final[Words] = (
    "Vahvista tai korjaa: julkaise toiminta uudelleen kentällä needs_supported.",
    "Bekräfta eller rätta: publicera verksamheten på nytt med fältet needs_supported.",
    "Confirm or correct: publish the activity again with needs_supported.",
)
