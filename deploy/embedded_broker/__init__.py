"""The embedded broker: a Kafka broker on loopback, out of a Python wheel."""
