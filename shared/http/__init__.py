"""What every service's HTTP has in common: problems, keys, intake, health, metrics, the server itself."""
