"""The topics on a Kafka that others run: how each must be, making missing ones, and reporting those that differ.

An existing topic stays as it is: more partitions would move keys, a shorter retention would delete. A person decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final, Self

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.contracts import topics
from shared.kafka.cluster import Cluster
from shared.kafka.producer import MAX_REQUEST_BYTES
from shared.kafka.reach import diagnose
from shared.process.names import PREFIX
from shared.process.settings import Duration

_OWN_MESSAGE: Final = 1024 * 1024  # an event is at most 64 KiB; what is larger by far could not be dead-lettered whole
_DAY: Final = timedelta(days=1)
_AUDIT_KEPT: Final = 365 * _DAY
_CONFIDENTIAL_KEPT: Final = topics.LOG_KEPT_DAYS * _DAY
_SEGMENT: Final = _DAY  # Kafka removes a segment once its newest record is too old: the oldest is older by that much
_ALREADY_THERE: Final = 36


class TopicsError(Exception):
    """Kafka refuses to make or list topics; one line that says which and why."""


class Override(BaseModel):
    """The settings of one topic that differ from the others'."""

    model_config = ConfigDict(extra="forbid")

    partitions: Annotated[int, Field(ge=1, le=1_000)] | None = None
    retention: Duration | None = None
    compact: bool = False


class TopicSettings(BaseSettings):
    """How the topics are made. Read by `lahete topics` and `lahete setup` alone."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    topic_replication: int = Field(1, ge=1, le=10, description="copies of each topic; 3 in production")
    topic_min_insync: int = Field(
        1, ge=1, le=10, description="copies that must have a record before it counts; 2 in production"
    )
    topic_retention: Duration = Field(
        _CONFIDENTIAL_KEPT,
        description="how long events stay on the log: longer than any outage, at most P30D; audit.events has P365D",
    )
    topics: dict[str, Override] = Field(
        {}, description='JSON: topic to what differs, {"intake.http": {"partitions": 16, "retention": "P20D"}}'
    )

    @model_validator(mode="after")
    def _nothing_confidential_is_kept_longer(self) -> Self:
        # An erasure does not reach the log: a region is told after how many days it is gone from there.
        asked = {f"{PREFIX}TOPIC_RETENTION": self.topic_retention}
        asked |= {
            f"{PREFIX}TOPICS {name} retention": own.retention
            for name, own in self.topics.items()
            if name != topics.AUDIT and own.retention is not None
        }
        for setting, retention in asked.items():
            if retention > _CONFIDENTIAL_KEPT:
                raise ValueError(
                    f"{setting} is P{retention.days}D; what is confidential stays on the log for at most "
                    f"P{topics.LOG_KEPT_DAYS}D, for an erasure does not reach it there; {topics.AUDIT} alone has its own term"
                )
        return self

    @model_validator(mode="after")
    def _enough_copies(self) -> Self:
        if self.topic_min_insync > self.topic_replication:
            raise ValueError(
                f"{PREFIX}TOPIC_MIN_INSYNC {self.topic_min_insync} is more than {PREFIX}TOPIC_REPLICATION "
                f"{self.topic_replication}: nothing could be written"
            )
        return self


@dataclass(frozen=True)
class Topic:
    """The wanted state of a topic."""

    name: str
    partitions: int
    replication: int
    configs: Mapping[str, str]


@dataclass(frozen=True)
class Finding:
    """The finding about one topic: `created`, `there`, or the differences in words."""

    topic: str
    found: str

    @property
    def differs(self) -> bool:
        """Whether a person must decide."""
        return self.found not in {"created", "there"}


def wanted(settings: TopicSettings, granted: Iterable[str] = ()) -> list[Topic]:
    """Every topic of the platform, and senders' own ones. Raises `TopicsError`."""
    known = topics.platform_topics() | {topics.intake_of(source): 1 for source in granted}
    strangers = sorted(set(settings.topics) - set(known))
    if strangers:
        raise TopicsError(f"{PREFIX}TOPICS names {strangers[0]!r}, which is no topic; it is one of {', '.join(known)}")
    return [_topic(name, partitions, settings) for name, partitions in known.items()]


def _topic(name: str, partitions: int, settings: TopicSettings) -> Topic:
    own = settings.topics.get(name, Override())
    configs = {
        "cleanup.policy": "compact,delete" if own.compact else "delete",
        "retention.ms": str(_ms(_retention(name, own, settings))),
        "segment.ms": str(_ms(_SEGMENT)),
        "min.insync.replicas": str(settings.topic_min_insync),
        # A record of 1 MiB becomes a dead letter with its headers around it.
        "max.message.bytes": str(MAX_REQUEST_BYTES),
    }
    if topics.is_senders_own(name):
        # With a wrong clock a sender's events would else be removed before anybody reads them, or kept for ever.
        configs |= {"max.message.bytes": str(_OWN_MESSAGE), "message.timestamp.type": "LogAppendTime"}
    return Topic(name, own.partitions or partitions, settings.topic_replication, configs)


def _retention(name: str, own: Override, settings: TopicSettings) -> timedelta:
    if name == topics.AUDIT:
        return own.retention or _AUDIT_KEPT
    return min(own.retention or settings.topic_retention, _CONFIDENTIAL_KEPT - _SEGMENT)


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)


async def apply(cluster: Cluster, specs: Sequence[Topic], *, make: bool = True) -> list[Finding]:
    """Makes missing topics (only reports them unless `make`), and reports how existing ones differ.

    Raises:
        TopicsError: Kafka does not answer, or refuses to make one.
    """
    admin = AIOKafkaAdminClient(**cluster.options())
    try:
        await admin.start()
        there = await _described(admin)
        lacking = [spec for spec in specs if spec.name not in there]
        if make and lacking:
            await _create(admin, lacking)
        configs = await _configs(admin, [spec.name for spec in specs if spec.name in there])
    except (KafkaError, OSError) as error:
        raise TopicsError(await diagnose(cluster, error)) from error
    finally:
        await admin.close()
    return [
        Finding(spec.name, _compared(spec, there[spec.name], configs[spec.name]))
        if spec.name in there
        else Finding(spec.name, "created" if make else "lacks")
        for spec in specs
    ]


async def _described(admin: AIOKafkaAdminClient) -> dict[str, list[dict[str, Any]]]:
    """Partitions by topic."""
    names = await admin.list_topics()
    return {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics(names)} if names else {}


async def _create(admin: AIOKafkaAdminClient, specs: Sequence[Topic]) -> None:
    new = [NewTopic(spec.name, spec.partitions, spec.replication, topic_configs=dict(spec.configs)) for spec in specs]
    answer = await admin.create_topics(new, timeout_ms=30_000)
    for name, code, *why in answer.topic_errors:
        if code not in {0, _ALREADY_THERE}:  # another process may have made the topic this instant
            raise TopicsError(f"{name} cannot be made: {for_code(code).__name__} {(why or [''])[0] or ''}".strip())


async def _configs(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    answers = await admin.describe_configs(resources) if resources else []
    return {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for answer in answers
        for resource in answer.resources
    }


def _compared(spec: Topic, partitions: Sequence[Mapping[str, Any]], configs: Mapping[str, str]) -> str:
    copies = min(len(partition["replicas"]) for partition in partitions)
    is_to_be = {"partitions": str(spec.partitions), "replication": str(spec.replication), **spec.configs}
    found = {"partitions": str(len(partitions)), "replication": str(copies), **configs}
    differences = [
        f"{name} is {found.get(name)}, wanted {value}" for name, value in is_to_be.items() if found.get(name) != value
    ]
    return "; ".join(differences) or "there"
