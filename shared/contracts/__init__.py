"""The events that cross a border: their models, envelope, topics and rules. Imports `shared.reference` alone."""
