"""Others' formats to and from our events, a room a standard: pure translations, with no I/O."""
