"""Which of our themes a keyword of the General Finnish Ontology (YSO) stands for.

Keywords that name an audience (children, men) or a form (courses, exhibitions) say nothing of the content and are
not here. Ids and labels of `THEMES_BY_KEYWORD` come from City of Helsinki's Linked Events importers.
"""

from collections.abc import Mapping

THEMES_BY_KEYWORD: Mapping[str, tuple[str, ...]] = {
    "yso:p1808": ("music",),  # musiikki
    "yso:p11185": ("music",),  # konsertit
    "yso:p1884": ("music", "movement"),  # musiikkiliikunta
    "yso:p2739": ("visual_arts",),  # kuvataide
    "yso:p1278": ("dance",),  # tanssi
    "yso:p7153": ("dance", "movement"),  # tanssiurheilu
    "yso:p2625": ("theatre",),  # teatteritaide
    "yso:p1235": ("film",),  # elokuvat
    "yso:p2771": ("nature",),  # ulkoilu
    "yso:p26619": ("movement", "nature"),  # ulkoliikunta
    "yso:p3706": ("movement", "nature"),  # kävely
    "yso:p18572": ("movement", "nature"),  # sauvakävely
    "yso:p12078": ("movement", "nature"),  # melonta
    "yso:p3670": ("cooking",),  # ruoka
    "yso:p14004": ("social",),  # keskustelu
    "yso:p10727": ("social",),  # osallistuminen
    "yso:p6062": ("social",),  # pelit
    "yso:p1947": ("wellbeing",),  # hyvinvointi
    "yso:p5234": ("wellbeing",),  # rentoutus
    "yso:p22296": ("wellbeing",),  # lihashuolto
    "yso:p3111": ("movement", "wellbeing"),  # jooga
    "yso:p7858": ("movement", "wellbeing"),  # venyttely
    "yso:p916": ("movement",),  # liikunta
    "yso:p965": ("movement",),  # urheilu
    "yso:p935": ("movement",),  # yleisurheilu
    "yso:p3708": ("movement",),  # kuntoliikunta
    "yso:p3093": ("movement",),  # erityisliikunta
    "yso:p17018": ("movement",),  # liikuntaleikit
    "yso:p27829": ("movement",),  # tuolijumppa
    "yso:p19453": ("movement",),  # keppijumppa
    "yso:p29667": ("movement",),  # tasapainoharjoittelu
    "yso:p24041": ("movement",),  # kehonhallinta
    "yso:p7382": ("movement",),  # lihaskunto
    "yso:p16233": ("movement",),  # voimaharjoittelu
    "yso:p23895": ("movement",),  # kahvakuulat
    "yso:p38999": ("movement",),  # kuntoportaat
    "yso:p8504": ("movement",),  # kuntosalit
    "yso:p26740": ("movement",),  # ryhmäohjaus; used for group exercise, for which YSO has no word
    "yso:p9087": ("movement",),  # juoksu
    "yso:p4330": ("movement",),  # uinti
    "yso:p29121": ("movement",),  # uimaopetus
    "yso:p17551": ("movement",),  # uimakoulut
    "yso:p9415": ("movement",),  # uimahallit
    "yso:p6433": ("movement",),  # vesiliikunta
    "yso:p1245": ("movement",),  # luistelu
    "yso:p12697": ("movement",),  # jääkiekko
    "yso:p1277": ("movement",),  # akrobatia
    "yso:p22130": ("movement",),  # trampoliinivoimistelu
    "yso:p27786": ("movement",),  # sirkuskoulut
    "yso:p22509": ("movement",),  # parkour
    "yso:p16210": ("movement",),  # sulkapallo
    "yso:p16903": ("movement",),  # squash
    "yso:p1928": ("movement",),  # tennis
    "yso:p37760": ("movement",),  # padel
    "yso:p18503": ("movement",),  # mailat
}
"""YSO id to themes, the most telling first."""

THEMES_BY_LABEL: Mapping[str, tuple[str, ...]] = {
    "kuorot": ("singing", "music"),
    "kuorolaulu": ("singing", "music"),
    "laulaminen": ("singing", "music"),
    "yhteislaulu": ("singing", "social"),
    "maalaus": ("visual_arts",),
    "piirtäminen": ("visual_arts",),
    "keramiikka": ("crafts", "visual_arts"),
    "käsityöt": ("crafts",),
    "kudonta": ("crafts",),
    "neulonta": ("crafts",),
    "ompelu": ("crafts",),
    "puutyöt": ("crafts",),
    "näytteleminen": ("theatre",),
    "kirjallisuus": ("literature",),
    "lukupiirit": ("literature", "social"),
    "kirjoittaminen": ("writing",),
    "luova kirjoittaminen": ("writing",),
    "valokuvaus": ("photography",),
    "luonto": ("nature",),
    "puutarhanhoito": ("nature",),
    "kielet": ("languages",),
    "kieltenopetus": ("languages",),
    "ruoanlaitto": ("cooking",),
    "leivonta": ("cooking",),
    "tietotekniikka": ("digital",),
    "digitaaliset taidot": ("digital",),
    "historia": ("history",),
    "sukututkimus": ("history",),
    "mindfulness": ("wellbeing",),
}
"""Finnish label to themes, for keywords that come embedded with their names and whose id is not above."""
