"""The demo's simulation, with real opistos and real events, cut down; SOURCES.md names their origin."""
