"""The console's own style, scripts and sign, under addresses that change with what they hold: browsers may keep them."""

from hashlib import sha256
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.http.problems import ProblemError

_KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES: Final = {one.name: one.read_bytes() for one in sorted((Path(__file__).parent / "static").iterdir())}
STATIC: Final = f"/static/{sha256(b''.join(_FILES.values())).hexdigest()[:16]}"
_HEADERS: Final = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}


async def static_file(request: Request) -> Response:
    """One of them."""
    name = request.path_params["name"]
    if name not in _FILES:
        raise ProblemError(404, "the console has no such file")
    return Response(_FILES[name], headers=_HEADERS, media_type=_KINDS[Path(name).suffix])


ROUTE: Final = Route(f"{STATIC}/{{name}}", static_file)
