"""What the demo stands on: real opistos and real events, cut down; SOURCES.md names their origin."""
