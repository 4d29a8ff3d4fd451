"""The error that ends a verb with one line on standard error and exit code 1."""


class VerbError(Exception):
    """The verb could not do its work; the message is one line that says what and why."""
