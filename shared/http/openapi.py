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
from shared.http.problem_shapes import name_of, problem_responses, problem_shape, reference_to, response_of

Document = dict[str, Any]

FIRST_PORT: Final = 8100
_REFERENCE: Final = "#/components/schemas/{name}"


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
            "schemas": _with_examples({**components, **event_shapes(), "Problem": problem_shape()}),
            "responses": problem_responses(),
        },
    }


_INFO: Final = {
    "title": "Kulttuurilähete",
    "version": "1.0.0",
    "license": {"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
    "description": "The addresses of the services, which share paths and have an address each. JSON; errors are problem "
    "details (RFC 9457). Enumerations and fields may grow; unknown fields are to be let pass. A query parameter that an "
    "address does not take, or that is given twice, is refused. A head has at most 64 KiB. docs/contracts.md says more.",
}
_KEY: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key belongs to one sender (a partner's kind), to a person of the ops team (`ops`), to one who reads "
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
    problems = {str(status): reference_to(name_of(status)) for status in operation.problems}
    answers = {}
    for status, answer in operation.answers.items():
        content = _content(answer)
        problem = response_of(status) if status in operation.problems else {}
        media = _media(content, said) | problem.get("content", {})
        answers[str(status)] = problem | {"description": content.description, "content": media}
    return problems | answers | {"default": reference_to("AnyAddress")}
