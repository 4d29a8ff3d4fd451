"""Who reads each record at once, and who those of some moments together."""

from datetime import timedelta

import pytest

from services.catalogue import handlers as catalogue
from services.feedback import handlers as feedback
from services.monitor import handlers as monitor
from services.notify import handlers as notify
from services.referral import handlers as referral
from shared.engine.model import Table
from shared.process.run import fetching
from tests.unit.network import DURATIONS


@pytest.mark.parametrize("table", [referral.table(DURATIONS), catalogue.table(timedelta(days=1))])
def test_who_is_on_the_road_is_answered_with_the_first_record(table: Table) -> None:
    assert fetching(table, wait_ms=10) == {"fetch_max_wait_ms": 10}, "Kafka's own least number of bytes is one"


@pytest.mark.parametrize("table", [feedback.table(), notify.table(), monitor.table()])
def test_who_is_not_waits_for_more_and_never_shorter_than_was_set(table: Table) -> None:
    soon, late = fetching(table, wait_ms=10), fetching(table, wait_ms=500)
    assert soon["fetch_min_bytes"] > 10_000
    assert (soon["fetch_max_wait_ms"], late["fetch_max_wait_ms"]) == (50, 500)
