"""Which topics a cluster has now."""

from typing import Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from shared.kafka.cluster import Cluster
from shared.kafka.reach import diagnose

_ANSWERS_WITHIN_MS: Final = 5_000


async def topics_there(kafka: Cluster) -> frozenset[str]:
    """Their names. Raises `OSError` with one line for a person where Kafka does not answer."""
    client = AIOKafkaClient(**kafka.options(), request_timeout_ms=_ANSWERS_WITHIN_MS)
    try:
        await client.bootstrap()
        return frozenset((await client.fetch_all_metadata()).topics())
    except (KafkaError, OSError) as error:
        raise OSError(await diagnose(kafka, error)) from error
    finally:
        await client.close()
