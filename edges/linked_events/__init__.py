"""Linked Events, the city of Helsinki's API for events, to our activities."""
