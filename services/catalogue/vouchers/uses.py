"""What an activity tells of the places that study vouchers pay: by year of the grant, all of it whenever it changes. Pure."""

from collections import defaultdict

import msgspec

from services.catalogue.funding import voucher_year
from services.catalogue.model import Activity, Payment, VoucherTold
from services.catalogue.paying import uses
from shared.contracts.catalogue_events import VoucherUseChanged
from shared.engine.model import Follow


def tell_uses(activity: Activity) -> tuple[Activity, list[Follow]]:
    """The activity that remembers what it told, and the words that are news. A synthetic activity has no figures."""
    by_year: defaultdict[int, list[Payment]] = defaultdict(list)
    for paid in [] if activity.synthetic else uses(activity, "opintoseteli"):
        by_year[voucher_year(paid.day)].append(paid)
    known = activity.vouchers_told
    now = {year: _told_of(activity, by_year[year], known.get(year)) for year in sorted({*by_year, *known})}
    news = [year for year, told in now.items() if told != known.get(year)]
    if not news:
        return activity, []
    follow = [Follow(_word(activity, year, now[year]), str(year), synthetic=False) for year in news]
    return msgspec.structs.replace(activity, vouchers_told=now), follow


def _told_of(activity: Activity, paid: list[Payment], known: VoucherTold | None) -> VoucherTold:
    number = known.number if known else 0
    themes = tuple(activity.published["themes"])
    last_at = max((one.since for one in paid), default=None)
    now = VoucherTold(number, len(paid), sum(one.cents for one in paid), themes, last_at)
    return now if now == known else msgspec.structs.replace(now, number=number + 1)


def _word(activity: Activity, year: int, told: VoucherTold) -> VoucherUseChanged:
    return VoucherUseChanged(
        organiser=activity.organiser,
        activity_id=activity.activity_id,
        year=year,
        number=told.number,
        places=told.places,
        cents=told.cents,
        themes=told.themes,
        last_at=told.last_at,
    )
