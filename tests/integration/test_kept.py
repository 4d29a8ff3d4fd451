"""What a platform keeps outlives it: backed up, destroyed, restored from a program's folder of before, it goes on.

How we know that nothing is lost and nothing is there twice: every referral is what it was or what was sent again makes it;
each feed holds each thing once; an activity has given as many places as there are referrals that hold one.
"""

import itertools
import shutil
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deploy.backends import Backend
from tests.backends import address_of, for_ci_alone, java
from tests.integration.road import OPISTO, REGION, Road, event, issued, published, road
from tests.integration.running import lahete

Events = list[dict[str, Any]]


@pytest.fixture(params=[Backend.EMBEDDED, Backend.JAVA])
def engine(request: pytest.FixtureRequest) -> Backend:
    asked: Backend = request.param
    if asked is Backend.JAVA:
        for_ci_alone("backup and restore on the backends in Java")
        address_of(java())
    return asked


def placed(activity: str) -> tuple[str, Events]:
    """A referral, and what its partners send until it has a place."""
    referral_id = str(uuid4())
    about = {"referral_id": referral_id, "activity_id": activity}
    chosen = event(REGION, "ActivityChosen", {**about, "organiser": OPISTO})
    return referral_id, [issued(referral_id), chosen, event(OPISTO, "EnrolmentConfirmed", about)]


def send(platform: Road, referrals: Mapping[str, Events]) -> None:
    for events in referrals.values():
        for one in events:
            platform.accepted(one)
    for referral_id in referrals:
        platform.comes_to(referral_id, "placed")


def told(platform: Road, who: str) -> Counter[tuple[str, str]]:
    return Counter((one["type"].split(".")[2], one["data"].get("referral_id")) for one in platform.feed(who))


def nothing_is_lost_and_nothing_twice(platform: Road, activity: str, referrals: Mapping[str, Events]) -> None:
    for who, what in (
        (REGION, ("ReferralOpened", "PlaceReserved", "EnrolmentConfirmed")),
        (OPISTO, ("PlaceReserved",)),
    ):
        for name, referral_id in itertools.product(what, referrals):
            platform.told(who, name, referral_id)
        seen = told(platform, who)
        assert {seen[name, referral_id] for name in what for referral_id in referrals} == {1}, who
    # As many places as referrals: one given twice would have left the last without, one lost would be free.
    asked = platform.ask("catalogue", f"/v1/activities{OPISTO}/{activity}")
    assert asked.json()["availability"] == "waiting_list"


def as_the_program_before_kept_it(folder: Path) -> None:
    """Its SQLite files had version 2: outboxes lay in the bodies, and no file said in which form its documents are."""
    for file in folder.glob("*.sqlite"):
        with closing(sqlite3.connect(file)) as connection:
            for (table,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE sql LIKE '%outbox BLOB%' OR sql LIKE '%, outbox,%'"
            ).fetchall():
                connection.execute(f"ALTER TABLE {table} DROP COLUMN outbox")
            connection.execute("DROP TABLE meta")
            connection.execute("PRAGMA user_version = 2")


def test_a_platform_that_was_backed_up_and_destroyed_is_restored_and_goes_on(engine: Backend, tmp_path: Path) -> None:
    folder, backup = tmp_path / "lahete", tmp_path / "backup"
    course = published(f"kuoro-{uuid4().hex[:6]}", capacity=4)
    activity = course["data"]["activity_id"]
    before, after = (dict([placed(activity), placed(activity)]) for _ in range(2))
    with road(folder, engine) as platform:
        platform.accepted(course)
        send(platform, before)
    assert lahete("backup", str(backup), "--dir", str(folder))[0] == 0
    shutil.rmtree(folder)
    assert lahete("restore", str(backup), "--dir", str(folder))[0] == 0
    if engine is Backend.EMBEDDED:
        as_the_program_before_kept_it(folder)
    with road(folder, engine) as platform:
        for referral_id in before:
            assert platform.referral(referral_id)["status"] == "placed"
        # All senders send again what they ever sent, and what came since the backup, of which nothing is left.
        send(platform, before | after)
        nothing_is_lost_and_nothing_twice(platform, activity, before | after)
        assert platform.dead_letters() == []
    assert (tmp_path / "lahete.before-1").is_dir() is (engine is Backend.EMBEDDED)
    assert not (folder / "upgrade.json").exists()
