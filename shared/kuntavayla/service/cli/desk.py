"""What a command line tells the commands that every service has."""

from collections.abc import Callable

import typer
from msgspec import Struct
from pydantic import SecretStr

from kuntavayla.audit import SealKeys


class CommandDesk(Struct, frozen=True, kw_only=True):
    """The source of a service's events, and what its settings say, read when it is asked for."""

    source: str
    database_url: Callable[[], SecretStr]
    seal_keys: Callable[[], SealKeys]


def command_desk_of(context: typer.Context) -> CommandDesk:
    """Return the desk that the command line was made with, as `obj` of its context."""
    desk = context.find_object(CommandDesk)
    assert desk is not None, "a command line is made with its desk"
    return desk
