"""A FastStream subscriber that keeps its hands off: raw batches of the topics of a pattern, and no commit of its own.

FastStream's default parser decodes headers before our code does, and FastStream swallows exceptions, of a handler or of
Kafka's client, and jumps over the batch (docs/decisions/0002). So records pass untouched.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from shared.kafka.cluster import Cluster

_FETCHED_AT_ONCE: Final = 4 * 1024 * 1024  # bytes: a long backlog of many partitions must not be held in memory

Records = tuple[Any, ...]


class Subscription:
    """The subscription of one group. `fetch` reads the next batch, `take` takes it."""

    def __init__(
        self,
        kafka: Cluster,
        group: str,
        topics: Iterable[str],
        listener: ConsumerRebalanceListener,
        fetch: Callable[[AIOKafkaConsumer], Awaitable[Records]],
        take: Callable[[Records], Awaitable[None]],
        options: Mapping[str, Any],
    ) -> None:
        self.broker = KafkaBroker(
            kafka.bootstrap,
            security=kafka.for_faststream(),
            apply_types=False,
            graceful_timeout=10,
            logger=None,
            metadata_max_age_ms=1_000,
        )
        pattern = "|".join(_as_pattern(topic) for topic in topics)
        self._pattern = re.compile(f"({pattern})")
        self._subscriber = self.broker.subscriber(
            pattern=f"^({pattern})$",
            group_id=group,
            batch=True,
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_bytes=_FETCHED_AT_ONCE,
            listener=listener,
            # An instance holds the same partition of each topic, so that the events of one referral do not race.
            partition_assignment_strategy=(RangePartitionAssignor,),
            parser=self._untouched,
            decoder=_raw_records,
            **options,
        )
        self._subscriber(take)
        # FastStream's own fetch swallows exceptions of Kafka's client and jumps on, and sleeps after an empty answer.
        self._subscriber.get_msg = fetch

    @property
    def consumer(self) -> AIOKafkaConsumer | None:
        """The consumer while it runs."""
        return self._subscriber.consumer

    def reads(self, topic: str) -> bool:
        """Whether the group subscribes to the topic."""
        return self._pattern.fullmatch(topic) is not None

    async def _untouched(self, records: Any) -> KafkaMessage:
        return KafkaMessage(raw_message=records, body=b"", consumer=self._subscriber.consumer)


async def _raw_records(message: KafkaMessage) -> Any:
    return message.raw_message


def _as_pattern(topic: str) -> str:
    # In a FastStream pattern braces are parameters; a topic of ours has none, and * stands for any rest.
    return re.escape(topic).replace(r"\*", r"[a-z0-9.-]+")
