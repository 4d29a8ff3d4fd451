"""The fuse: when it opens, and when it must not."""

import pytest

from shared.engine.fuse import MINIMUM, WINDOW, Fuse, FuseOpen

REGION = "/region/06"


def feed(fuse: Fuse, failed: list[bool], *, first: int = 0) -> None:
    for number, one in enumerate(failed, first):
        fuse.saw((REGION, f"e{number}"), failed=one)


def test_it_opens_at_twenty_failures_that_are_half_of_what_it_saw() -> None:
    fuse = Fuse()
    feed(fuse, [True] * (MINIMUM - 1))
    assert not fuse.open
    with pytest.raises(FuseOpen, match="20 of the last 20 events failed"):
        fuse.saw((REGION, "last"), failed=True)
    assert fuse.open


def test_a_few_failures_never_open_it_however_alone_they_are() -> None:
    fuse = Fuse()
    feed(fuse, [True] * (MINIMUM - 1))
    feed(fuse, [False] * 500, first=MINIMUM)
    assert not fuse.open


def test_one_bad_sender_among_many_good_ones_never_opens_it() -> None:
    fuse = Fuse()
    feed(fuse, [number % 10 < 4 for number in range(2_000)])
    assert not fuse.open


def test_what_it_saw_long_ago_counts_no_more() -> None:
    fuse = Fuse()
    feed(fuse, [True] * 15)
    feed(fuse, [False] * (WINDOW - 1), first=15)
    feed(fuse, [True] * 19, first=WINDOW + 15)
    assert not fuse.open
    with pytest.raises(FuseOpen):
        feed(fuse, [True] * 200, first=WINDOW + 100)


def test_an_event_that_comes_again_and_again_counts_once() -> None:
    """While the store does not answer, the batch is decided anew at each try."""
    fuse = Fuse()
    for _ in range(100):
        feed(fuse, [True] * (MINIMUM - 1))
    assert not fuse.open


def test_an_event_that_is_applied_in_the_end_is_no_failure_any_more() -> None:
    fuse = Fuse()
    feed(fuse, [True] * (MINIMUM - 1))
    feed(fuse, [False] * (MINIMUM - 1))
    feed(fuse, [True], first=100)
    assert not fuse.open


def test_good_news_never_opens_it() -> None:
    fuse = Fuse()
    with pytest.raises(FuseOpen):
        feed(fuse, [True] * MINIMUM)
    fuse.saw((REGION, "good"), failed=False)
    assert fuse.open, "only a restart closes it"
