"""The pairs of backends that the benchmarks measure on, and why one is not available here."""

from dataclasses import dataclass
from typing import Final

from shared.contracts import topics
from tests.backends import FOUND, Met, Missed, address_of, kafka, mongodb


@dataclass(frozen=True)
class Pair:
    """A broker and a store, as tests/backends.py calls them."""

    name: str
    broker: str
    store: str

    @property
    def missing(self) -> str:
        """Why it cannot be measured on; empty where it can."""
        wanted = ([kafka()] if self.broker == "kafka" else []) + ([mongodb()] if self.store == "mongodb" else [])
        return "; ".join(one.why for one in wanted if isinstance(one, Missed))

    @property
    def environment(self) -> dict[str, str]:
        """What leads another process to the same servers."""
        return {"LAHETE_TEST_MONGODB": address_of(mongodb())} if self.store == "mongodb" else {}


EMBEDDED: Final = Pair("librdkafka's broker, SQLite", "embedded", "sqlite")
KAFKA: Final = Pair("Apache Kafka, SQLite", "kafka", "sqlite")
MONGO: Final = Pair("Apache Kafka, MongoDB's stand-in", "kafka", "mongodb")
PAIRS: Final = (EMBEDDED, KAFKA, MONGO)
TOPICS: Final = {topics.INTAKE_HTTP: 8, topics.events_of("referral"): 8, topics.DEAD_LETTERS: 1}


def met() -> dict[str, str]:
    """What stood behind the names in this run, where it was asked for."""
    found = {name: FOUND.get(name, Met("not asked for", "")) for name in ("Kafka", "MongoDB")}
    return {name: one.what if isinstance(one, Met) else one.why for name, one in found.items()}
