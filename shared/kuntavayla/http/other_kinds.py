"""Faults of a part that belongs to another kind, told as the one mistake that it is.

Of a union told apart by a member, each kind has parts of its own. Who gives one kind the part of
another gets one fault, which names what the kind has, in place of one for each member that differs.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kuntavayla.errors import Fault

_OF_MEMBERS = frozenset({"unknown_field", "required_field_missing"})


def told_as_one(
    faults: Sequence[Fault], value: object, *, schema: Mapping[str, Any]
) -> list[Fault]:
    """Return the faults of a value, those of each part that is another kind's as one fault.

    `schema` is that of the value's type, its parts under `$defs`. What belongs to no kind keeps its
    faults.
    """
    told_apart: Mapping[str, Any] | None = schema.get("discriminator")
    if told_apart is None or not isinstance(value, dict):
        return [*faults]
    name, branches = told_apart["propertyName"], told_apart["mapping"]
    kind = value.get(name)
    if not isinstance(kind, str) or kind not in branches:
        return [*faults]
    told = [*faults]
    for part, own in _objects_in(branches[kind], schema=schema):
        of_part = [one for one in told if f"{one.pointer}/".startswith(f"/{part}/")]
        if not any(one.code in _OF_MEMBERS for one in of_part):
            continue
        others = [dict(_objects_in(each, schema=schema)).get(part) for each in branches.values()]
        if any(other != own and _has_members(value.get(part), other) for other in others):
            advice = f"This belongs to another {name}. {kind} has: {_members_of(own)}."
            fault = Fault(f"/{part}", f"{part}_of_another_{name}", advice)
            told = [*(one for one in told if one not in of_part), fault]
    return told


def _objects_in(
    reference: str, *, schema: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the parts of a branch that are objects, by name."""
    for name, part in _at(reference, schema=schema)["properties"].items():
        if "$ref" in part:
            found = _at(part["$ref"], schema=schema)
            if "properties" in found:
                yield name, found


def _at(reference: str, *, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schema["$defs"][reference.rpartition("/")[2]]
    return found


def _has_members(value: object, part: Mapping[str, Any] | None) -> bool:
    """Say whether a value has the members of a part, those that it must and no others."""
    if part is None or not isinstance(value, dict):
        return False
    given = set(value)
    return given.issuperset(part.get("required", ())) and given.issubset(part["properties"])


def _members_of(part: Mapping[str, Any]) -> str:
    needed = part.get("required", ())
    return ", ".join(
        name if name in needed else f"{name} (may be left out)" for name in part["properties"]
    )
