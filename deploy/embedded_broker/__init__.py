"""The platform without servers: a Kafka broker on loopback, out of a Python wheel."""
