"""Which failures a route can meet, read from the code, from its endpoint through every call."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from types import FunctionType, MethodType
from typing import Any

from kuntavayla.auth import ProblemCode, Refusal
from kuntavayla.errors import DomainError
from kuntavayla.http import MicroBatcher
from kuntavayla.http.problems import status_of
from routing_api.operations import registrations
from statement_relay.operations import accepting

OURS = (
    "routing_api.",
    "statement_relay.",
    "quota_ledger.",
    "kuntavayla.auth.",
    "kuntavayla.http.",
    "kuntavayla.idempotency",
    "kuntavayla.inbox.",
    "kuntavayla.service.",
)
BATCHED: dict[str, Callable[..., Any]] = {
    "registrations": registrations.register,
    "information": accepting.accept,
}
"""What the run of a batcher on the desk is; a call goes there through a value of the app."""
PACKAGES = ("routing_api.", "statement_relay.", "quota_ledger.", "kuntavayla.")
NAMED = {
    "routing_api.errors",
    "statement_relay.errors",
    "quota_ledger.errors",
    "kuntavayla.idempotency",
    "kuntavayla.inbox.repairing",
    "kuntavayla.service.errors",
}
"""Modules whose failures belong to single calls; all others are of every call."""
LOCAL = object()
"""What a name stands for that a function gives its value itself."""

Failure = type[DomainError] | ProblemCode


class Reached:
    """What the walk has found: failures that leave as the answer, and those that an item may be."""

    def __init__(self, endpoint: Callable[..., Any]) -> None:
        self.raised: set[Failure] = set()
        self.made: set[Failure] = set()
        self.has_settled = False
        self._seen: set[FunctionType] = set()
        self._walk(endpoint)

    def failures(self) -> set[Failure]:
        """Return what may decide the status of the answer."""
        return self.raised | self.made if self.has_settled else self.raised

    def named(self) -> set[type[DomainError]]:
        """Return the failures of our own that the document must name."""
        found = {item for item in self.raised | self.made if isinstance(item, type)}
        return {item for item in found if item.__module__ in NAMED}

    def _walk(self, target: object) -> None:
        for function in _functions_of(target):
            is_made_up = function.__code__.co_filename.startswith("<")
            if function in self._seen or is_made_up or not function.__module__.startswith(OURS):
                continue
            self._seen.add(function)
            tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
            own = {*function.__code__.co_varnames, *function.__code__.co_cellvars}
            self._read(tree, {**function.__globals__, **dict.fromkeys(own, LOCAL)})

    def _read(self, tree: ast.AST, names: dict[str, Any]) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and node.exc is not None:
                self._read_raise(node.exc, names)
            elif isinstance(node, ast.Call):
                self._read_call(node, names)
            elif isinstance(node, ast.Name):
                self._walk(names.get(node.id))

    def _read_raise(self, raised: ast.expr, names: dict[str, Any]) -> None:
        failure = _value(raised.func if isinstance(raised, ast.Call) else raised, names)
        if failure is Refusal and isinstance(raised, ast.Call):
            failure = _value(raised.args[0], names)
        if isinstance(failure, ProblemCode) or _is_failure(failure):
            self.raised.add(failure)
        elif failure is LOCAL:
            self.has_settled = True

    def _read_call(self, call: ast.Call, names: dict[str, Any]) -> None:
        target = _value(call.func, names)
        if _is_failure(target):
            self.made.add(target)
        self._walk(target)
        *_, batcher, way = ["", *ast.unparse(call.func).split(".")]
        run = BATCHED.get(batcher)
        if run is not None and way == "submit":
            self._walk(MicroBatcher.submit)
            self._walk(run)
        if run is not None and way == "submit_chunk":
            # Whatever fails there is the failure of a line.
            line = Reached(run)
            self.made |= line.made | line.raised


def failures_of_ours() -> list[type[DomainError]]:
    """Return every failure class of the service and of the shared library, but no test's."""
    found: list[type[DomainError]] = []
    waiting: list[type[DomainError]] = [DomainError]
    while waiting:
        children = waiting.pop().__subclasses__()
        found += children
        waiting += children
    return [failure for failure in found if failure.__module__.startswith(PACKAGES)]


def status_of_failure(failure: Failure) -> int:
    return failure.status if isinstance(failure, ProblemCode) else status_of(failure.kind)


def _is_failure(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, DomainError) and "code" in value.__dict__


def _value(node: ast.expr, names: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever a name stands for
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _value(node.value, names)
        return getattr(owner, node.attr, None) if owner is not None else None
    return None


def _functions_of(target: object) -> Iterator[FunctionType]:
    if isinstance(target, MethodType | classmethod | staticmethod):
        target = target.__func__
    if isinstance(target, property):
        target = target.fget
    if isinstance(target, FunctionType):
        yield inspect.unwrap(target)
    elif isinstance(target, type) and target.__module__.startswith(OURS):
        for value in vars(target).values():
            if not isinstance(value, type):
                yield from _functions_of(value)
