"""The slow pass: every fault of a JSON body, by its type's schema, with pointer, code and advice.

It runs only for a body that the decoder refused. Codes follow from the titles of the wire types: a
municipality code given as a number is `municipality_code_not_text`. Neither a value nor a member's
name of the caller's choosing is repeated.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, cast
from uuid import UUID

import msgspec
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from kuntavayla.errors import Fault
from kuntavayla.http.other_kinds import told_as_one
from kuntavayla.telemetry import looks_like_identity_code

_FAULTS_MAX = 100
_LISTED_VALUES_MAX = 40
_REF_TEMPLATE = "#/$defs/{name}"
_SAFE_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_INSTANT = Annotated[datetime, msgspec.Meta(tz=True)]
_TYPE_CODES = {
    "string": ("not_text", "Give a text."),
    "integer": ("not_an_integer", "Give a whole number."),
    "boolean": ("not_true_or_false", "Give true or false."),
    "object": ("not_an_object", "Give an object."),
    "array": ("not_a_list", "Give a list."),
    "null": ("not_null", "Give null."),
}


class JsonFault(Exception):
    """The text is no JSON that we take; `advice` says what is wrong, without quoting it."""

    def __init__(self, advice: str) -> None:
        super().__init__(advice)
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Loaded:
    """A parsed text, and the pointers of members that it gives more than once."""

    value: Any
    repeated: tuple[str, ...]


class _Members(dict[str, Any]):
    """An object of the text that remembers which of its members came twice."""

    __slots__ = ("repeated",)

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(name for name, _ in pairs)
        self.repeated = [name for name, count in counts.items() if count > 1]


def load_json(body: bytes, *, nesting_max: int) -> Loaded:
    """Return the parsed text; raises JsonFault."""
    if _depth_of(body) > nesting_max:
        raise JsonFault(f"Nest objects and lists at most {nesting_max} deep.")
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=_Members, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError:
        raise JsonFault("Send the text in UTF-8.") from None
    except (ValueError, RecursionError):
        raise JsonFault("Send one well-formed JSON text (RFC 8259).") from None
    repeated = (
        pointer_of((*path, name))
        for path, part in _walk(value)
        if isinstance(part, _Members)
        for name in part.repeated
    )
    return Loaded(value, tuple(dict.fromkeys(repeated)))


def _refuse_constant(_: str) -> None:
    raise ValueError


def _depth_of(body: bytes) -> int:
    depth = deepest = 0
    for match in _BRACKETS.finditer(body):
        sign = match[0]
        if sign in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif sign in b"]}":
            depth -= 1
    return deepest


Path = tuple[str | int, ...]


def _walk(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    yield path, value
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _walk(part, (*path, name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _walk(part, (*path, index))


def pointer_of(path: Sequence[str | int]) -> str:
    """Return the JSON pointer of a path, up to the first name that is not safe to repeat."""
    pointer = ""
    for token in path:
        if isinstance(token, str) and not _is_safe(token):
            return pointer
        pointer += f"/{token}"
    return pointer


def _is_safe(name: str) -> bool:
    return _SAFE_NAME.fullmatch(name) is not None and not looks_like_identity_code(name)


class FaultFinder:
    """Find every fault of a body of one type."""

    def __init__(self, type_: Any) -> None:  # noqa: ANN401  # any type that msgspec decodes
        schema = schema_of(type_)
        _assert_bounded(schema)
        self._schema = schema
        self._validator = _Validator(schema, format_checker=_FORMATS)

    def faults_of(self, loaded: Loaded) -> tuple[Fault, ...]:
        """Return the faults in order of place, at most 100; none if the schema allows the value."""
        advice = "Give each member once."
        found = [
            *(Fault(pointer, "member_repeated", advice) for pointer in loaded.repeated),
            *_text_faults(loaded.value),
        ]
        for error in self._validator.iter_errors(loaded.value):
            found.extend(_faults_of(error))
        once = {(fault.pointer, fault.code): fault for fault in found}
        told = told_as_one([*once.values()], loaded.value, schema=self._schema)
        return tuple(sorted(told, key=lambda fault: fault.pointer))[:_FAULTS_MAX]


def schema_of(type_: Any) -> dict[str, Any]:  # noqa: ANN401  # any type that msgspec decodes
    """Return the JSON Schema of a type, its parts under `$defs`."""
    (schema,), components = msgspec.json.schema_components([type_], ref_template=_REF_TEMPLATE)
    return {**schema, "$defs": components}


def _assert_bounded(schema: object) -> None:
    """Every integer of a wire type has bounds, since PostgreSQL's and JSON readers' have."""
    if isinstance(schema, list):
        for part in schema:
            _assert_bounded(part)
    if isinstance(schema, dict):
        is_bounded = {"minimum", "maximum"} <= schema.keys() or "enum" in schema
        assert schema.get("type") != "integer" or is_bounded, "an integer needs Meta(ge=…, le=…)"
        assert schema.get("type") != "number", "a wire type has no floating-point number"
        for part in schema.values():
            _assert_bounded(part)


def _text_faults(value: object) -> Iterator[Fault]:
    for path, part in _walk(value):
        texts = part if isinstance(part, dict) else (part,)
        for text in texts:
            if isinstance(text, str) and ("\0" in text or _SURROGATE.search(text)):
                advice = "Leave out U+0000 and lone surrogates."
                yield Fault(pointer_of(path), "character_refused", advice)


def _strict_pattern(
    _validator: object, pattern: str, instance: object, _schema: object
) -> Iterator[ValidationError]:
    """Judge as the decoder does, but take no line feed behind the pattern's end."""
    if isinstance(instance, str):
        is_match = re.search(pattern, instance) is not None
        if not is_match or (pattern.endswith("$") and instance.endswith("\n")):
            yield ValidationError("pattern")


def _is_integer(_: object, value: object) -> bool:
    """Take 1 and not 1.0, as the decoder does."""
    return isinstance(value, int) and not isinstance(value, bool)


def _any_of(  # noqa: PLR0917 - the signature is the library's
    validator: Any,  # noqa: ANN401  # the library's own class, made at import
    branches: list[Any],
    instance: object,
    schema: dict[str, Any],
) -> Iterator[ValidationError]:
    """Judge by the one branch that a discriminator names, and by every branch without one."""
    told_apart: Mapping[str, Any] | None = schema.get("discriminator")
    if told_apart is None:
        any_of: Any = Draft202012Validator.VALIDATORS["anyOf"]
        yield from any_of(validator, branches, instance, schema)
        return
    name, mapping = told_apart["propertyName"], told_apart["mapping"]
    chosen = instance.get(name) if isinstance(instance, dict) else None
    if isinstance(chosen, str) and chosen in mapping:
        yield from validator.descend(instance, {"$ref": mapping[chosen]})
        return
    listed = {"properties": {name: {"enum": sorted(mapping)}}, "required": [name]}
    yield from validator.descend(instance, {"type": "object", **listed})


_Validator: Any = cast("Any", extend)(
    Draft202012Validator,
    {"pattern": _strict_pattern, "anyOf": _any_of},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date", raises=msgspec.ValidationError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or bool(msgspec.convert(value, date))


@_FORMATS.checks("date-time", raises=msgspec.ValidationError)
def _is_instant(value: object) -> bool:
    return not isinstance(value, str) or bool(msgspec.convert(value, _INSTANT))


@_FORMATS.checks("uuid", raises=msgspec.ValidationError)
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or bool(msgspec.convert(value, UUID))


def _faults_of(error: ValidationError) -> Iterator[Fault]:
    if error.validator in {"anyOf", "oneOf"}:
        yield from _faults_of_choice(error)
        return
    path = tuple(error.absolute_path)
    instance: Any = error.instance
    rule: Any = error.validator_value
    if error.validator == "required":
        for name in rule:
            if name not in instance:
                yield Fault(pointer_of((*path, name)), "required_field_missing", "Give this field.")
    elif error.validator == "additionalProperties":
        schema: Any = error.schema
        for name in instance.keys() - schema.get("properties", {}).keys():
            advice = "Leave out what openapi.json does not list."
            yield Fault(pointer_of((*path, name)), "unknown_field", advice)
    else:
        code, message = _code_of(error)
        yield Fault(pointer_of(path), code, message)


def _faults_of_choice(error: ValidationError) -> Iterator[Fault]:
    """Report the branch that the value came nearest to; "or null" is no branch of its own."""
    choices: Any = error.validator_value
    branches: dict[int, list[ValidationError]] = {}
    for part in error.context or ():
        branches.setdefault(int(part.relative_schema_path[0]), []).append(part)
    named = [
        parts for index, parts in sorted(branches.items()) if choices[index] != {"type": "null"}
    ]
    nearest = min(named, key=lambda parts: (_is_other_type(parts), len(parts)), default=[])
    for part in nearest:
        yield from _faults_of(part)


def _is_other_type(parts: Sequence[ValidationError]) -> bool:
    return any(part.validator == "type" and not part.relative_path for part in parts)


def _code_of(error: ValidationError) -> tuple[str, str]:
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    title = str(schema.get("title", "")) if schema.get("type") == "string" else ""
    advice = str(schema.get("description", "")) if title else ""
    rule = _RULES.get(str(error.validator))
    if rule is None:
        return "content_refused", "Give this as openapi.json says."
    code, message = rule(error, schema)
    return (f"{title}_{code}" if title and code in _TITLED else code), advice or message


_TITLED = frozenset({"not_text", "malformed"})
_Rule = Callable[[ValidationError, Mapping[str, Any]], tuple[str, str]]


def _type_rule(error: ValidationError, _: Mapping[str, Any]) -> tuple[str, str]:
    return _TYPE_CODES.get(str(error.validator_value), ("wrong_type", "Give another type."))


def _length_rule(error: ValidationError, schema: Mapping[str, Any]) -> tuple[str, str]:
    if schema.get("minLength") == schema.get("maxLength"):
        return "malformed", "Give the text in the agreed length."
    if error.validator == "maxLength":
        return "too_long", f"Give at most {error.validator_value} characters."
    return "too_short", f"Give at least {error.validator_value} characters."


def _enum_rule(error: ValidationError, _: Mapping[str, Any]) -> tuple[str, str]:
    listed: Any = error.validator_value
    values = [str(value) for value in listed if value is not None]
    return "value_not_listed", "Give one of: " + ", ".join(values[:_LISTED_VALUES_MAX]) + "."


def _format_rule(error: ValidationError, _: Mapping[str, Any]) -> tuple[str, str]:
    match error.validator_value:
        case "date":
            return "date_malformed", 'Give a day of the calendar, for example "2021-03-01".'
        case "date-time":
            return "instant_malformed", "Give an RFC 3339 instant with its offset from UTC."
        case _:
            return "malformed", "Give the text in the agreed form."


def _bound_rule(error: ValidationError, _: Mapping[str, Any]) -> tuple[str, str]:
    if error.validator in {"maximum", "exclusiveMaximum"}:
        return "too_large", f"Give at most {error.validator_value}."
    return "too_small", f"Give at least {error.validator_value}."


def _items_rule(error: ValidationError, _: Mapping[str, Any]) -> tuple[str, str]:
    if error.validator == "maxItems":
        return "too_many_items", f"Give at most {error.validator_value} items."
    return "too_few_items", f"Give at least {error.validator_value} items."


def _pattern_rule(_: ValidationError, __: Mapping[str, Any]) -> tuple[str, str]:
    return "malformed", "Give the text in the agreed form."


_RULES: Mapping[str, _Rule] = {
    "type": _type_rule,
    "pattern": _pattern_rule,
    "minLength": _length_rule,
    "maxLength": _length_rule,
    "enum": _enum_rule,
    "const": lambda error, _: ("value_not_listed", f"Give {error.validator_value}."),
    "format": _format_rule,
    "minimum": _bound_rule,
    "exclusiveMinimum": _bound_rule,
    "maximum": _bound_rule,
    "exclusiveMaximum": _bound_rule,
    "minItems": _items_rule,
    "maxItems": _items_rule,
}
