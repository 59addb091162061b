"""The dated rule sets of routing: read from data, checked, and made ready for judging.

Every legal day has exactly one rule set for a decision made on a given day. What a rule set may
contain stands in `routing_api.rules.definitions`, what its rules do in
`routing_api.rules.evaluating`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources.abc import Traversable
from itertools import pairwise
from typing import TypeVar

import msgspec

from routing_api.rules.definitions import (
    AnyRule,
    ForeignLanguageRule,
    ImmigrantRule,
    Rule,
    RuleSetDefinition,
    ShortUnemploymentRule,
    SwedishServiceRule,
    TransferInForceRule,
    YoungRule,
)
from routing_api.rules.evaluating import Evaluate, evaluation_of

RuleT = TypeVar("RuleT", bound=Rule)


class RuleSetFault(ValueError):
    """The rule-set data cannot be used; names the file or rule set and the reason."""

    def __init__(self, *, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """What gathering must know to answer R7b, R7c and R7d without keeping the raw facts."""

    age_years_limit: int
    finnish_citizenship_code: str
    unknown_citizenship_codes: frozenset[str]
    domestic_language_codes: frozenset[str]
    unknown_language_codes: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class RuleSet:
    """A rule set ready for judging; `definition` is its published form.

    `first_day_on` is the first day of all versions of this rule set: transfers effective on it are
    the initial batch.
    """

    definition: RuleSetDefinition
    id: str
    version: str
    valid_from: date
    valid_to: date
    known_from: date
    first_day_on: date
    target_group: TargetGroup | None
    transfers_from_on: date
    is_short_unemployment_judged: bool
    abroad_municipality_codes: frozenset[str]
    rules: Mapping[str, AnyRule]
    evaluations: tuple[tuple[date, tuple[Evaluate, ...]], ...]

    def evaluations_on(self, on: date) -> tuple[Evaluate, ...]:
        """Return the rules in force and switched on that day, in order of judging."""
        for from_on, evaluations in self.evaluations:
            if from_on <= on:
                return evaluations
        return self.evaluations[-1][1]


class RuleSets:
    """All versions of all rule sets; together they cover every legal day."""

    def __init__(self, rule_sets: Iterable[RuleSet]) -> None:
        self._by_knowledge = sorted(
            rule_sets, key=lambda rule_set: (rule_set.known_from, rule_set.valid_from), reverse=True
        )
        self._by_name = {(rule_set.id, rule_set.version): rule_set for rule_set in self.all()}
        self.abroad_municipality_codes = frozenset[str]().union(
            *(rule_set.abroad_municipality_codes for rule_set in self._by_knowledge)
        )

    def applicable(self, *, effective_on: date, known_on: date) -> RuleSet:
        """Return the rule set that judges the legal day, in the version known on `known_on`.

        The newest known version that covers the day wins. Where none was known yet, the first that
        became known does, so that every day has exactly one.
        """
        first_known: RuleSet | None = None
        for rule_set in self._by_knowledge:
            if rule_set.valid_from <= effective_on <= rule_set.valid_to:
                if rule_set.known_from <= known_on:
                    return rule_set
                first_known = rule_set
        assert first_known is not None, "Reading refuses rule sets that leave a day without one."
        return first_known

    def find(self, id_: str, version: str) -> RuleSet:
        """Return the rule set that a stored decision cites; LookupError where there is none."""
        return self._by_name[id_, version]

    def all(self) -> tuple[RuleSet, ...]:
        """Return every version of every rule set, by first valid day and version."""
        return tuple(
            sorted(self._by_knowledge, key=lambda rule_set: (rule_set.valid_from, rule_set.version))
        )


def load_rule_sets(source: Traversable) -> RuleSets:
    """Read every `*.toml` of the folder and return the checked rule sets.

    Raises RuleSetFault where a file is malformed or the rule sets leave a gap, overlap or repeat
    each other.
    """
    files = {
        entry.name: entry.read_bytes() for entry in source.iterdir() if entry.name.endswith(".toml")
    }
    return parse_rule_sets(files)


def parse_rule_sets(files: Mapping[str, bytes]) -> RuleSets:
    """Return the checked rule sets of the files, by name.

    Raises RuleSetFault, see `load_rule_sets`.
    """
    return rule_sets_of([_parsed(name, content) for name, content in sorted(files.items())])


def rule_sets_of(definitions: Sequence[RuleSetDefinition]) -> RuleSets:
    """Return the rule sets of the definitions, made ready for judging.

    Raises RuleSetFault where they leave a gap, overlap or repeat each other.
    """
    _refuse_repetition(definitions)
    _refuse_gaps(definitions)
    _refuse_overlaps(definitions)
    return RuleSets([_compiled(definition, among=definitions) for definition in definitions])


def _parsed(name: str, content: bytes) -> RuleSetDefinition:
    try:
        definition = msgspec.toml.decode(content, type=RuleSetDefinition)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RuleSetFault(where=name, reason=str(error)) from error
    tags = [_tag(rule) for rule in definition.rules]
    if len(tags) != len(set(tags)):
        raise RuleSetFault(where=name, reason="A rule stands twice.")
    if not tags:
        raise RuleSetFault(where=name, reason="There is no rule.")
    if _first_day(definition) > _last_day(definition):
        raise RuleSetFault(where=name, reason="It ends before it begins.")
    _refuse_unknown_places(name, definition)
    return definition


def _refuse_unknown_places(name: str, definition: RuleSetDefinition) -> None:
    texts = definition.client_texts
    places = dict.fromkeys(("municipality_fi", "municipality_sv", "area_fi", "area_sv", "day"), "")
    try:
        for text in (texts.municipality, texts.transfer, texts.te_office, texts.review):
            text.fi.format_map(places)
            text.sv.format_map(places)
    except (KeyError, ValueError, IndexError) as error:
        raise RuleSetFault(where=name, reason="A text has an unknown place.") from error


def _refuse_repetition(definitions: Sequence[RuleSetDefinition]) -> None:
    for one, other in _pairs(definitions):
        if (one.id, one.version) == (other.id, other.version):
            raise RuleSetFault(where=_name(one), reason="The version stands twice.")


def _refuse_gaps(definitions: Sequence[RuleSetDefinition]) -> None:
    in_order = sorted(definitions, key=_first_day)
    if not in_order or _first_day(in_order[0]) != date.min:
        raise RuleSetFault(where="rule sets", reason="The first days have no rule set.")
    covered_to = _last_day(in_order[0])
    for earlier, later in pairwise(in_order):
        if covered_to < date.max and _first_day(later) > covered_to + timedelta(days=1):
            raise RuleSetFault(where=_name(later), reason=f"A gap follows {_name(earlier)}.")
        covered_to = max(covered_to, _last_day(later))
    if covered_to != date.max:
        raise RuleSetFault(where=_name(in_order[-1]), reason="The last days have no rule set.")


def _refuse_overlaps(definitions: Sequence[RuleSetDefinition]) -> None:
    """Let days be covered twice only by versions of one rule set, known one after the other."""
    for one, other in _pairs(definitions):
        overlap = _first_day(one) <= _last_day(other) and _first_day(other) <= _last_day(one)
        if overlap and (one.id != other.id or one.known_from == other.known_from):
            raise RuleSetFault(where=_name(one), reason=f"It overlaps {_name(other)}.")


def _pairs(
    definitions: Sequence[RuleSetDefinition],
) -> Iterator[tuple[RuleSetDefinition, RuleSetDefinition]]:
    for index, one in enumerate(definitions):
        for other in definitions[index + 1 :]:
            yield one, other


def _compiled(definition: RuleSetDefinition, *, among: Sequence[RuleSetDefinition]) -> RuleSet:
    short_unemployment = _rule(definition, ShortUnemploymentRule)
    return RuleSet(
        definition=definition,
        id=definition.id,
        version=definition.version,
        valid_from=_first_day(definition),
        valid_to=_last_day(definition),
        known_from=definition.known_from,
        first_day_on=min(_first_day(other) for other in among if other.id == definition.id),
        target_group=_target_group(definition),
        transfers_from_on=_transfers_from_on(definition),
        is_short_unemployment_judged=short_unemployment is not None and short_unemployment.is_on,
        abroad_municipality_codes=frozenset(definition.abroad_municipality_codes.value),
        rules={_tag(rule): rule for rule in definition.rules},
        evaluations=_evaluations(definition),
    )


def _evaluations(definition: RuleSetDefinition) -> tuple[tuple[date, tuple[Evaluate, ...]], ...]:
    """Return the rules in order of judging, by each day on which their number changes."""
    transfers_from_on = _transfers_from_on(definition)
    rules = [rule for rule in definition.rules if _is_on(rule)]
    first_day = _first_day(definition)
    changes = {first_day} | {max(rule.in_force_from or first_day, first_day) for rule in rules}
    return tuple(
        (
            from_on,
            tuple(
                evaluation_of(rule, transfers_from_on=transfers_from_on)
                for rule in rules
                if (rule.in_force_from or date.min) <= from_on
            ),
        )
        for from_on in sorted(changes, reverse=True)
    )


def _is_on(rule: AnyRule) -> bool:
    return rule.is_on if isinstance(rule, ShortUnemploymentRule | SwedishServiceRule) else True


def _transfers_from_on(definition: RuleSetDefinition) -> date:
    rule = _rule(definition, TransferInForceRule)
    return date.max if rule is None else rule.in_force_from or date.min


def _target_group(definition: RuleSetDefinition) -> TargetGroup | None:
    young = _rule(definition, YoungRule)
    immigrant = _rule(definition, ImmigrantRule)
    language = _rule(definition, ForeignLanguageRule)
    if young is None or immigrant is None or language is None:
        return None
    return TargetGroup(
        age_years_limit=young.age_years_limit.value,
        finnish_citizenship_code=immigrant.finnish_code.value,
        unknown_citizenship_codes=frozenset(immigrant.unknown_codes.value),
        domestic_language_codes=frozenset(language.domestic_codes.value),
        unknown_language_codes=frozenset(language.unknown_codes.value),
    )


def _rule(definition: RuleSetDefinition, kind: type[RuleT]) -> RuleT | None:
    return next((rule for rule in definition.rules if isinstance(rule, kind)), None)


def _tag(rule: AnyRule) -> str:
    return str(rule.__struct_config__.tag)


def _name(definition: RuleSetDefinition) -> str:
    return f"{definition.id}/{definition.version}"


def _first_day(definition: RuleSetDefinition) -> date:
    return definition.valid_from or date.min


def _last_day(definition: RuleSetDefinition) -> date:
    return definition.valid_to or date.max
