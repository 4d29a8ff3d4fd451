"""A container's health check, since the image has no curl: 0 if this service says it is ready, else 1 and why.

Reads `LAHETE_PORT` alone, and the standard library alone: it runs every few seconds beside each service.
"""

import http.client
import os
import sys
from typing import Final

_SECONDS: Final = 4.0
_SHOWN: Final = 500


def main() -> int:
    """The exit code."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["LAHETE_PORT"]), timeout=_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        response = connection.getresponse()
        said = response.read(_SHOWN).decode(errors="replace")
    except OSError as error:
        sys.stdout.write(f"does not answer: {error}\n")
        return 1
    finally:
        connection.close()
    sys.stdout.write(f"{response.status} {said}\n")
    return 0 if response.status == http.HTTPStatus.OK else 1


if __name__ == "__main__":
    sys.exit(main())
