"""The OpenAPI 3.1 document of every address, made from the same tables as the routers."""

from collections.abc import Iterable, Mapping, Sequence
from inspect import cleandoc
from typing import Any, Final

import msgspec

from shared.contracts.examples import properties_with_examples
from shared.contracts.topics import SERVICES
from shared.http.event_shapes import event_shapes
from shared.http.operations import Content, Operation
from shared.http.parameters import Parameter
from shared.http.problem_types import BLANK, PHRASES, TYPES

Document = dict[str, Any]

FIRST_PORT: Final = 8100
OF_ANY_ADDRESS: Final = (400, 405, 408, 429, 431, 500, 503)
"""The server's answers before there is a request to an address, and when it fails."""
_PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_REFERENCE: Final = "#/components/schemas/{name}"
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


def openapi(services: Mapping[str, Sequence[Operation]]) -> Document:
    """The document; `services` has each one's operations. Raises `ValueError` where two differ under one address."""
    addresses = _addresses(services)
    shapes = [shape for operation, _ in addresses.values() for shape in _shapes(operation)]
    types = [shape for shape in shapes if not isinstance(shape, Mapping)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    said = {id(shape): schema for shape, schema in zip(types, schemas, strict=True)}
    paths: dict[str, Document] = {}
    for (method, path), (operation, at) in addresses.items():
        paths.setdefault(path, {})[method.lower()] = _operation(operation, at, said)
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": _INFO,
        "servers": _servers(SERVICES),
        "tags": [{"name": service, "description": f"Answered by {service}."} for service in SERVICES],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": _KEY},
            "schemas": _with_examples({**components, **event_shapes(), "Problem": _problem()}),
            "responses": {_name_of(status): _response(status) for status in _WHY} | {"AnyAddress": _any_address()},
        },
    }


_INFO: Final = {
    "title": "Kulttuurilähete",
    "version": "1.0.0",
    "license": {"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
    "description": "The addresses of five services, which share paths and have an address each. JSON; errors are problem "
    "details (RFC 9457). Enumerations and fields may grow; unknown fields are to be let pass. A query parameter that an "
    "address does not take, or that is given twice, is refused. A head has at most 64 KiB. docs/contracts.md says more.",
}
_KEY: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key belongs to one sender (`region`, `opisto`), to a person of the ops team (`ops`), to one who reads "
    "figures and traces (`reader`), or to a service. An operation's security names the kinds that may ask.",
}


def _addresses(services: Mapping[str, Sequence[Operation]]) -> dict[tuple[str, str], tuple[Operation, list[str]]]:
    """By method and path: the operation, and the services that share it."""
    found: dict[tuple[str, str], tuple[Operation, list[str]]] = {}
    for service, operations in services.items():
        for operation in operations:
            one, at = found.setdefault((operation.method, operation.path), (operation, []))
            if one is not operation:
                raise ValueError(f"{operation.method} {operation.path}: {service} answers it otherwise than {at[0]}")
            at.append(service)
    return found


def _servers(services: Iterable[str]) -> list[Document]:
    by_port = ["monitor", *(service for service in SERVICES if service != "monitor")]
    return [server for service in services for server in _servers_of(service, FIRST_PORT + by_port.index(service))]


def _servers_of(service: str, port: int) -> list[Document]:
    host = {"default": f"{service}.lahete.example", "description": f"The host that the operator gives {service}."}
    return [
        {"url": "https://{host}", "description": f"{service}, as it is deployed", "variables": {"host": host}},
        {"url": f"http://127.0.0.1:{port}", "description": f"{service}, on one machine"},
    ]


def _with_examples(schemas: Mapping[str, Document]) -> Document:
    """The schemas, each property with an example. Raises `LookupError` where none is known."""
    return {
        name: schema | ({"properties": properties_with_examples(schema, schemas)} if "properties" in schema else {})
        for name, schema in schemas.items()
    }


# --- an operation


def _shapes(operation: Operation) -> Iterable[Any]:
    for answer in (*operation.answers.values(), operation.body):
        if answer is not None:
            yield from _content(answer).by_type.values()


def _content(answer: Any) -> Content:
    return answer if isinstance(answer, Content) else Content({"application/json": answer}, _described(answer))


def _described(shape: Any) -> str:
    return cleandoc(getattr(shape, "__doc__", "") or "").splitlines()[0]


def _operation(operation: Operation, at: list[str], said: Mapping[int, Document]) -> Document:
    summary, _, description = cleandoc(operation.endpoint.__doc__ or "").partition("\n\n")
    document: Document = {
        "operationId": _identifier(operation.endpoint.__name__),
        "summary": " ".join(summary.split()),
        "tags": at,
        "servers": _servers(at),
        "security": [{"key": [kind]} for kind in operation.who],
        "parameters": [_parameter(one, operation) for one in operation.takes],
        "responses": _responses(operation, said),
    }
    if description:
        document["description"] = " ".join(description.split())
    if operation.body:
        document["requestBody"] = _body(operation.body, said)
    return document


def _identifier(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _parameter(one: Parameter, operation: Operation) -> Document:
    where = "path" if one.name in operation.in_path else one.where
    document: Document = {"name": one.name, "in": where, "description": one.description, "schema": dict(one.schema)}
    if where == "path":
        document["required"] = True
    if one.example is not None:
        document["example"] = one.example
    return document


def _body(body: Content, said: Mapping[int, Document]) -> Document:
    description = f"{body.description} At most {body.most} bytes, of no Content-Encoding."
    return {"required": True, "description": description, "content": _media(body, said)}


def _media(content: Content, said: Mapping[int, Document]) -> Document:
    return {kind: {"schema": said.get(id(shape), shape)} for kind, shape in content.by_type.items()}


def _responses(operation: Operation, said: Mapping[int, Document]) -> Document:
    problems = {str(status): _to_response(_name_of(status)) for status in operation.problems}
    answers = {}
    for status, answer in operation.answers.items():
        content = _content(answer)
        problem = _response(status) if status in operation.problems else {}
        media = _media(content, said) | problem.get("content", {})
        answers[str(status)] = problem | {"description": content.description, "content": media}
    return problems | answers | {"default": _to_response("AnyAddress")}


# --- problems


def _name_of(status: int) -> str:
    return PHRASES[status].replace(" ", "")


def _to_response(name: str) -> Document:
    return {"$ref": f"#/components/responses/{name}"}


def _response(status: int) -> Document:
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


def _problem() -> Document:
    """RFC 9457, with the JSON Pointers of what breaks the contract."""
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
