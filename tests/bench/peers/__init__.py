"""The same step by other frameworks for streams of events, each in a virtual environment of its own.

What is compared: both sides read a ReferralIssued, judge it whole by our contracts (`shared.contracts.envelope.decode`:
every field, the search for personal identity codes, the digest), recognise repetitions by what the aggregate remembers,
load an aggregate of 1 kB, change it, save it, publish a ReferralOpened with an id that is derived, and commit. The peers
keep state as their documentation has it (RocksDB beside the process and a changelog topic in Kafka) and run with their
strongest guarantee, exactly once by Kafka's transactions, and their default intervals between commits. They do neither
have dead letters, an order of what waits, erasure, nor state that others can query; and their state is not in SQLite.
They need transactions, which librdkafka's broker lacks: so they run on Apache Kafka alone.
"""
