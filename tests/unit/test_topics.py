"""What the topics are to be, and how what is there differs from it in words."""

from datetime import timedelta
from typing import Any

import pytest

from cli import main
from deploy.kafka.topics import Finding, Override, Topic, TopicsError, TopicSettings, _compared, wanted
from shared.contracts import dead_letter, topics
from shared.process.settings import read

DAY_MS = 24 * 60 * 60 * 1000


def settings(**changes: Any) -> TopicSettings:
    return TopicSettings(**changes)


def by_name(settings: TopicSettings, *granted: str) -> dict[str, Topic]:
    return {topic.name: topic for topic in wanted(settings, granted)}


def test_the_platforms_topics_are_wanted_with_their_partitions() -> None:
    found = by_name(settings())
    assert {name: topic.partitions for name, topic in found.items()} == topics.platform_topics()
    assert {topic.replication for topic in found.values()} == {1}


def test_a_granted_sender_has_a_topic_of_one_partition() -> None:
    found = by_name(settings(), "/region/06", "/opisto/1.2")
    assert [found[name].partitions for name in ("intake.region.06", "intake.opisto.1.2")] == [1, 1]


def test_what_a_sender_writes_itself_is_bounded_and_stamped_by_kafka() -> None:
    """So that every record of it can be dead-lettered whole, and its clock decides about no retention."""
    found = by_name(settings(), "/region/06")
    own, letters = found["intake.region.06"].configs, found["dead-letters"].configs
    assert (own["max.message.bytes"], own["message.timestamp.type"]) == (str(1024 * 1024), "LogAppendTime")
    assert int(letters["max.message.bytes"]) > 3 * dead_letter.MOST_BYTES > 3 * int(own["max.message.bytes"])
    assert "message.timestamp.type" not in found["intake.http"].configs


def test_all_that_is_confidential_is_gone_from_the_log_within_30_days_and_audits_stay_for_a_year() -> None:
    found = by_name(settings(), "/region/06")
    days = {name: int(topic.configs["retention.ms"]) / DAY_MS for name, topic in found.items()}
    assert days.pop("audit.events") == 365
    # Kafka removes whole segments, so the oldest record of one outlives its retention by as much as the segment is long.
    assert {topic.configs["segment.ms"] for topic in found.values()} == {str(DAY_MS)}
    assert {one + 1 for one in days.values()} == {30}


def test_a_shorter_retention_is_that_of_dead_letters_too_and_not_of_audits() -> None:
    shorter = by_name(settings(topic_retention=timedelta(days=1)))
    for name in ("intake.http", "dead-letters", "redrive.referral"):
        assert int(shorter[name].configs["retention.ms"]) == DAY_MS
    assert int(shorter["audit.events"].configs["retention.ms"]) == 365 * DAY_MS


@pytest.mark.parametrize("name", ["intake.http", "dead-letters", "referral.events"])
def test_a_longer_retention_of_what_is_confidential_stops_with_a_line(name: str) -> None:
    with pytest.raises(
        ValueError, match="TOPIC_RETENTION is P31D; what is confidential stays on the log for at most P30D"
    ):
        settings(topic_retention=timedelta(days=31))
    own = Override(retention=timedelta(days=60))
    with pytest.raises(ValueError, match=f"{name} retention is P60D"):
        settings(topics={name: own})
    assert settings(topics={"audit.events": Override(retention=timedelta(days=4_380))})


def test_one_topic_may_be_otherwise() -> None:
    own = Override(partitions=16, retention=timedelta(days=2), compact=True)
    found = by_name(settings(topics={"audit.events": own}, topic_replication=3, topic_min_insync=2))
    assert (found["audit.events"].partitions, found["audit.events"].replication) == (16, 3)
    assert found["audit.events"].configs == {
        "cleanup.policy": "compact,delete",
        "retention.ms": str(2 * DAY_MS),
        "segment.ms": str(DAY_MS),
        "min.insync.replicas": "2",
        "max.message.bytes": str(4 * 1024 * 1024),
    }
    assert found["intake.http"].partitions == topics.PARTITIONS


def test_a_senders_topic_may_be_otherwise_once_it_is_granted() -> None:
    own = settings(topics={"intake.region.06": Override(partitions=4)})
    assert by_name(own, "/region/06")["intake.region.06"].partitions == 4
    with pytest.raises(
        TopicsError, match=r"^LAHETE_TOPICS names 'intake\.region\.06', which is no topic; it is one of"
    ):
        wanted(own)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "TOPICS",
            '{"referral.event": {"partitions": 4}}',
            "LAHETE_TOPICS names 'referral.event', which is no topic; ",
        ),
        ("TOPICS", '{"intake.http": {"partitions": 0}}', "LAHETE_TOPICS intake.http partitions is '0': "),
        ("TOPICS", '{"intake.http": {"partition": 8}}', "LAHETE_TOPICS intake.http partition is '8': "),
        ("TOPICS", '{"intake.http": ', "LAHETE_TOPICS is '{\"intake.http\": ': "),
        ("TOPIC_RETENTION", "P0D", "LAHETE_TOPIC_RETENTION is 'P0D': a duration is ISO 8601 and above zero"),
        ("TOPIC_REPLICATION", "0", "LAHETE_TOPIC_REPLICATION is '0': "),
        ("TOPIC_MIN_INSYNC", "2", "LAHETE_TOPIC_MIN_INSYNC 2 is more than LAHETE_TOPIC_REPLICATION 1: "),
    ],
)
def test_a_setting_that_cannot_be_ends_the_verb_with_one_line(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"LAHETE_{name}", value)
    with pytest.raises(SystemExit) as end:
        main.main(["topics", "list", "--dir", "nowhere"])
    assert end.value.code == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"lahete: {said}")
    assert printed.err.count("\n") == 1


def test_what_the_environment_says_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAHETE_TOPICS", '{"intake.http": {"partitions": 16, "retention": "P20D"}}')
    [topic] = [topic for topic in wanted(read(TopicSettings)) if topic.name == "intake.http"]
    assert (topic.partitions, topic.configs["retention.ms"]) == (16, str(20 * DAY_MS))


# --- what is there

SPEC = Topic("intake.http", 2, 1, {"cleanup.policy": "delete", "retention.ms": "1000"})


def partitions(*replicas: int) -> list[dict[str, Any]]:
    return [{"replicas": list(range(count))} for count in replicas]


def test_what_is_as_wanted_is_there_whatever_else_it_is_set_to() -> None:
    found = _compared(SPEC, partitions(1, 1), {**SPEC.configs, "segment.bytes": "1"})
    assert found == "there"
    assert not Finding("intake.http", found).differs


def test_each_difference_is_in_words() -> None:
    found = _compared(SPEC, partitions(3, 2, 3), {"cleanup.policy": "compact"})
    assert found == (
        "partitions is 3, wanted 2; replication is 2, wanted 1; cleanup.policy is compact, wanted delete; "
        "retention.ms is None, wanted 1000"
    )
    assert Finding("intake.http", found).differs


@pytest.mark.parametrize(("found", "differs"), [("created", False), ("there", False), ("lacks", True)])
def test_why_not_ready_is_for_a_person(found: str, differs: bool) -> None:
    assert Finding("intake.http", found).differs is differs
