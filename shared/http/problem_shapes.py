"""Errors as the OpenAPI document has them: the answer of each status, and the shape of a problem."""

from typing import Any, Final

from shared.http.problem_types import BLANK, PHRASES, TYPES

Document = dict[str, Any]

OF_ANY_ADDRESS: Final = (400, 405, 408, 429, 431, 500, 503)
"""The server's answers before there is a request to an address, and when it fails."""
_PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_HEADERS: Final = {
    401: ("WWW-Authenticate", True, "The scheme: Bearer.", {"type": "string"}),
    415: ("Accept-Encoding", False, "Where the body was encoded: how it may be, `identity`.", {"type": "string"}),
    429: ("Retry-After", True, "Seconds after which to ask again.", {"type": "integer", "minimum": 1}),
    503: (
        "Retry-After",
        True,
        "Seconds after which to ask again, with the same ids.",
        {"type": "integer", "minimum": 1},
    ),
}
_WHY: Final = {
    400: "It cannot be read.",
    401: "No key, or one that nobody has.",
    403: "The key's holder may not do this.",
    404: "It is not there, or is not for the key's holder to know of.",
    409: "It cannot be done as things are: `type` says why.",
    413: "The body, or an event in it, is too large.",
    415: "The body is of a kind that is not read here, or encoded.",
    422: "It breaks the contract; also a query parameter that the address does not take, or that is given twice.",
    429: "The key's holder asks or sends too often.",
    503: "It cannot be done now; ask again, with the same ids.",
}


def problem_responses() -> Document:
    """The answers that operations refer to, by their names."""
    return {name_of(status): response_of(status) for status in _WHY} | {"AnyAddress": _any_address()}


def name_of(status: int) -> str:
    return PHRASES[status].replace(" ", "")


def reference_to(name: str) -> Document:
    return {"$ref": f"#/components/responses/{name}"}


def response_of(status: int) -> Document:
    document: Document = {"description": _WHY[status], "content": _PROBLEM}
    if status in _HEADERS:
        name, is_always_there, description, schema = _HEADERS[status]
        document["headers"] = {name: {"required": is_always_there, "description": description, "schema": schema}}
    return document


def _any_address() -> Document:
    statuses = ", ".join(f"{status} {PHRASES[status]}" for status in OF_ANY_ADDRESS)
    description = (
        f"What any address may answer besides, most of it before there is a whole request: {statuses}. 429 and 503 here are "
        "of too many requests sent ahead on one connection, and of too many connections."
    )
    return {"description": description, "content": _PROBLEM}


def problem_shape() -> Document:
    """The schema of an error's body: RFC 9457, with the JSON Pointers of what breaks the contract."""
    error = {
        "type": "object",
        "properties": {
            "path": {
                "type": "string",
                "description": "A JSON Pointer into the structured form, or a parameter's name.",
                "examples": ["/data/municipality"],
            },
            "message": {
                "type": "string",
                "description": "What is wrong there, for people.",
                "examples": ["is no municipality's code"],
            },
        },
        "required": ["path", "message"],
    }
    types = "; ".join(f"`{one.uri}` ({one.status}): {one.advice}" for one in TYPES)
    return {
        "type": "object",
        "title": "Problem",
        "description": "RFC 9457. Programs act on `status`, `type` and the `path`s; `detail` is for people.",
        "properties": {
            "type": {
                "type": "string",
                "format": "uri",
                "enum": [BLANK, *(one.uri for one in TYPES)],
                "description": f"`{BLANK}` where the status says it all. {types}",
            },
            "title": {
                "type": "string",
                "enum": sorted({*PHRASES.values(), *(one.title for one in TYPES)}),
                "description": "The problem's type in words; the status's phrase where there is no type.",
                "examples": [PHRASES[422]],
            },
            "status": {
                "type": "integer",
                "enum": list(PHRASES),
                "description": "The answer's HTTP status, once more.",
                "examples": [422],
            },
            "detail": {
                "type": "string",
                "maxLength": 2_000,
                "description": "What is wrong and what to do, for people; it changes without notice.",
                "examples": ["the data of ReferralIssued breaks its contract"],
            },
            "errors": {
                "type": "array",
                "maxItems": 100,
                "items": error,
                "description": "What breaks the contract, one place each; the first 100.",
            },
        },
        "required": ["type", "title", "status", "detail"],
    }
