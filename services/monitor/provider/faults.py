"""Why nobody is signed in by the provider. Nothing that it says gets into the texts: they are logged.

SignInFailed
├── ProviderAway   it does not answer, or not as OpenID Connect has it: ask again, or sign in by key
├── NotProven      what came back proves nobody: begin again
└── NotLetIn       it is somebody, who may not enter here
"""


class SignInFailed(Exception):
    """Nobody is signed in. `why`: for the log and the metrics, a sentence about the case without values."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class ProviderAway(SignInFailed):
    """The provider does not answer, or not as it must."""


class NotProven(SignInFailed):
    """The answer is no proof of who somebody is."""


class NotLetIn(SignInFailed):
    """Somebody has proven who he is, and is neither ops nor reader. `name`: what the audit calls him, or nothing."""

    def __init__(self, why: str, name: str = "") -> None:
        super().__init__(why)
        self.name = name
