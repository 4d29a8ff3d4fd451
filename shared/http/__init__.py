"""The parts that every service's HTTP shares: problems, keys, intake, health, metrics, the server itself."""
