"""How long effects took, from an event's time on the log to the time of its effect there, by Kafka's own times."""

from collections.abc import Iterable, Sequence

from tests.scenarios.observation import Named, Observation


def delays(observation: Observation, named: Iterable[Named], name: str) -> list[float]:
    """Seconds until the first effect of a class of each of these events, sorted, without events that have none."""
    wanted = {id_: source for source, id_ in named}
    came: dict[str, int] = {}
    for record in observation.intake:
        if record.named and wanted.get(record.named[1]) == record.named[0]:
            came.setdefault(record.named[1], record.timestamp)
    first: dict[str, int] = {}
    for record in observation.decided:
        if record.name == name and (cause := record.attributes.get("causationid", "")) in came:
            first[cause] = min(record.timestamp, first.get(cause, record.timestamp))
    return sorted((at - came[cause]) / 1000 for cause, at in first.items())


def percentile(values: Sequence[float], share: float) -> float:
    """Of sorted values."""
    return values[min(len(values) - 1, int(share * len(values)))]
