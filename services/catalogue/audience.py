"""For what ages an activity is: as its organiser says, else as its title does where it names babies, children or families.

Pure. Who comes with a child is a parent rather than a great-grandparent: `WITH_CHILDREN` is the upper end, unless the title
names the old as well, or the organiser gives an upper end.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

YOUNGEST: Final = 0
OLDEST: Final = 200
WITH_CHILDREN: Final = 64
MAX_READ: Final = 300
"""Characters of a title that are read, at each change of a place: of thousands the normal form alone may take a second."""
_CHILDREN: Final = re.compile(
    r"vauv[ao]|taaper|(?<!su)perhe|\bpikkulap|\bpikkulas|\blapsi|\blapse|\blasten|\bmuskari"  # Finnish, compounds among it
    r"|\bbab(?:y(?!l)|ies)|\bbebis|småbarn|\bbarn(?!dom|barn)|\bfamilj|\bspädbarn"  # Swedish
    r"|\btoddler|\binfants?\b|\bchild(?:ren)?\b|\bkids?\b|\bfamil(?:y|ies)\b"  # English
)
_OLD: Final = re.compile(
    r"isovanhem|isoäid|isoäit|mummo|mummi|\bvaari|\bukki|\bukin|lapsenlap|senior|ikäih|ikäänt|eläkel|sukupolv|kaikenikä|kaiken ikä"
    r"|mormor|farmor|morfar|farfar|barnbarn|pensionär|äldre|generation|alla åldrar"
    r"|grand(?:parent|child|ma|pa|mother|father)|all ages|elderly"
)


def ages(title: Mapping[str, str], age: Mapping[str, int]) -> tuple[int, int]:
    """Years from and to, both included; `title` by language, `age` with `min` and `max` where they were given."""
    youngest = age.get("min", YOUNGEST)
    if "max" in age:
        return youngest, age["max"]
    with_children = youngest <= WITH_CHILDREN and is_for_children(title.values())
    return youngest, WITH_CHILDREN if with_children else OLDEST


def is_for_children(titles: Iterable[str]) -> bool:
    """Whether a title in any language names babies, children or families, and in none the old."""
    read = [unicodedata.normalize("NFKC", title[:MAX_READ]).replace("\u00ad", "").lower() for title in titles]
    return any(map(_CHILDREN.search, read)) and not any(map(_OLD.search, read))
