"""How Kafka is spoken to: connections, reading, writing, lag."""
