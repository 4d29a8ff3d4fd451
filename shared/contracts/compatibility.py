"""Whether a schema may take another's place under the same major version.

Both ways: the new schema must take all data of the old (senders change later than we do), and a reader of the old must
understand all data of the new. So an optional field may come, and a limit may be loosened; the rest is a new version.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Schema = Mapping[str, Any]
Lines = Iterator[str]

_ANNOTATIONS: Final = frozenset(
    {"$schema", "$id", "$defs", "$comment", "title", "description", "examples", "deprecated", "readOnly", "writeOnly"}
)
_AT_LEAST: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_AT_MOST: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_NESTED: Final = ("items", "additionalProperties", "propertyNames")
_JUDGED: Final = frozenset({*_AT_LEAST, *_AT_MOST, *_NESTED})
_JUDGED_TOO: Final = frozenset({"$ref", "type", "enum", "const", "uniqueItems", "required", "properties", "default"})


def incompatibilities(old: Schema, new: Schema) -> list[str]:
    """What breaks where `new` replaces `old`, one line each: a JSON Pointer, and the change. Empty where nothing does."""
    return list(dict.fromkeys(_Comparison(old, new).at("", old, new)))


class _Comparison:
    """One walk through two schemas. Remembers which pairs of definitions it has met, since they may be recursive."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new
        self._met: set[tuple[str, str]] = set()

    def at(self, where: str, old: object, new: object) -> Lines:
        """What breaks at one place; `where` points into the new schema."""
        if isinstance(old, bool) or isinstance(new, bool):
            yield from _boolean(where, old, new)
            return
        assert isinstance(old, Mapping), where
        assert isinstance(new, Mapping), where
        pair = (str(old.get("$ref")), str(new.get("$ref")))
        if "$ref" in old and "$ref" in new:
            if pair in self._met:
                return
            self._met.add(pair)
        old, _ = _resolved(self._old, old, where)
        new, where = _resolved(self._new, new, where)
        yield from _default(where, old, new)
        olds, news = _alternatives(old), _alternatives(new)
        if len(olds) == len(news) == 1:
            yield from self._schema(where, olds[0], news[0])
        else:
            yield from self._union(where, olds, news)

    def _union(self, where: str, olds: list[Schema], news: list[Schema]) -> Lines:
        """Alternatives are the same where they are of one kind; ours are `X or null`."""
        before = {self._kind(self._old, one): one for one in olds}
        after = {self._kind(self._new, one): (index, one) for index, one in enumerate(news)}
        if len(before) < len(olds) or len(after) < len(news):
            if olds != news:
                yield _line(where, "the alternatives changed, and several are of one kind: this cannot be judged")
            return
        yield from (_line(where, f"no longer takes {kind}") for kind in before if kind not in after)
        yield from (_line(where, f"may now be {kind}, which no reader expects") for kind in after if kind not in before)
        for kind in before.keys() & after.keys():
            index, one = after[kind]
            yield from self.at(f"{where}/anyOf/{index}" if len(news) > 1 else where, before[kind], one)

    def _kind(self, root: Schema, schema: Schema) -> str:
        resolved, _ = _resolved(root, schema, "")
        return str(resolved.get("type", "anything"))

    def _schema(self, where: str, old: Schema, new: Schema) -> Lines:
        yield from _types(where, old, new)
        yield from _values(where, old, new)
        yield from _limits(where, old, new)
        yield from _required(where, old, new)
        yield from self._properties(where, old, new)
        for name in _NESTED:
            if name in old or name in new:
                yield from self.at(f"{where}/{name}", old.get(name, True), new.get(name, True))
        yield from _unjudged(where, old, new)

    def _properties(self, where: str, old: Schema, new: Schema) -> Lines:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in before:
            at = f"{where}/properties/{_escaped(name)}"
            if name in after:
                yield from self.at(at, before[name], after[name])
            else:
                # Unknown fields are dropped: what is sent in it would be lost without a word.
                yield _line(at, "was removed; what is sent in it would be lost")


def _boolean(where: str, old: object, new: object) -> Lines:
    """`true` takes everything, `false` nothing, and so does a schema without rules."""
    if old in (True, {}) and new in (True, {}):
        return
    if old != new:
        yield _line(where, f"was {_short(old)}, is {_short(new)}")


def _resolved(root: Schema, schema: Schema, where: str) -> tuple[Schema, str]:
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema, where
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    beside = {name: value for name, value in schema.items() if name != "$ref"}
    return _resolved(root, {**found, **beside}, reference.removeprefix("#"))


def _alternatives(schema: Schema) -> list[Schema]:
    """The branches of a pure union; a schema that has rules of its own beside `anyOf` is judged as one."""
    rules = schema.keys() - _ANNOTATIONS - {"default"}
    return list(schema["anyOf"]) if rules == {"anyOf"} else [schema]


def _types(where: str, old: Schema, new: Schema) -> Lines:
    before, after = _type_names(old), _type_names(new)
    if before == after:
        return
    if before is None or after is None:
        yield _line(f"{where}/type", f"was {_short(old.get('type'))}, is {_short(new.get('type'))}")
        return
    if lost := before - after:
        yield _line(f"{where}/type", f"no longer takes {', '.join(sorted(lost))}")
    if gained := after - before:
        yield _line(f"{where}/type", f"may now be {', '.join(sorted(gained))}, which no reader expects")


def _type_names(schema: Schema) -> set[str] | None:
    names = schema.get("type")
    return {names} if isinstance(names, str) else None if names is None else set(names)


def _values(where: str, old: Schema, new: Schema) -> Lines:
    before, after = _allowed(old), _allowed(new)
    if before is None and after is None:
        return
    at = f"{where}/const" if "const" in new else f"{where}/enum"
    if before is None or after is None:
        yield _line(at, "any value was allowed" if before is None else "any value is allowed now; no reader expects it")
        return
    if lost := [value for value in before if value not in after]:
        yield _line(at, f"no longer takes {_short(lost)}")
    if gained := [value for value in after if value not in before]:
        yield _line(at, f"may now be {_short(gained)}, which no reader expects")


def _allowed(schema: Schema) -> list[str] | None:
    # As text, since in Python 1 == True == 1.0.
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return None if values is None else [repr(value) for value in values]


def _limits(where: str, old: Schema, new: Schema) -> Lines:
    for name in _AT_LEAST:
        before, after = old.get(name), new.get(name)
        if after is not None and (before is None or after > before) and not _empty(name, after):
            yield _line(f"{where}/{name}", f"was raised from {_short(before)} to {after}")
    for name in _AT_MOST:
        before, after = old.get(name), new.get(name)
        if after is not None and (before is None or after < before):
            yield _line(f"{where}/{name}", f"was lowered from {_short(before)} to {after}")
    if new.get("uniqueItems") and not old.get("uniqueItems"):
        yield _line(f"{where}/uniqueItems", "repetitions are no longer taken")


def _empty(name: str, limit: float) -> bool:
    """A length of at least 0 is no limit."""
    return limit == 0 and name in {"minLength", "minItems", "minProperties"}


def _required(where: str, old: Schema, new: Schema) -> Lines:
    before, after = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(after - before):
        what = "became required" if name in old.get("properties", {}) else "is new and required"
        yield _line(f"{where}/properties/{_escaped(name)}", what)
    for name in sorted(before - after):
        if name in new.get("properties", {}):
            yield _line(f"{where}/properties/{_escaped(name)}", "became optional; readers count on it")


def _default(where: str, old: Schema, new: Schema) -> Lines:
    """A change of the value that a missing field means."""
    before, after = old.get("default"), new.get("default")
    # As text, since in Python 1 == True; without a default, leaving it out means null.
    if repr(before) != repr(after):
        yield _line(f"{where}/default", f"was {_short(before)}, is {_short(after)}")


def _unjudged(where: str, old: Schema, new: Schema) -> Lines:
    """Pattern, format, conditions: whether a change of them narrows is not worth guessing."""
    for name in sorted((old.keys() | new.keys()) - _ANNOTATIONS - _JUDGED - _JUDGED_TOO):
        before, after = old.get(name), new.get(name)
        if before != after or (name in old) != (name in new):
            yield _line(f"{where}/{_escaped(name)}", f"was {_short(before)}, is {_short(after)}")


def _line(where: str, change: str) -> str:
    return f"{where or '#'}: {change}"


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
