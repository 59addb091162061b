"""Items as those concerned read them: the case system that sent them, and the operator."""

from collections.abc import Sequence

from kuntavayla.database import Connection
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.witnessing import DISCLOSED, REFUSED, witness
from statement_relay.errors import InformationNotFound
from statement_relay.rules.stories import InformationFilter, ListedInformation, Story
from statement_relay.store import stories


async def load_story(
    connection: Connection,
    information_id: str,
    *,
    query: InformationFilter,
    call: Call,
    moment: Moment,
) -> Story | InformationNotFound:
    """Return an item to those concerned, or the refusal; either is audited."""
    story = await stories.find_story(connection, information_id)
    is_seen = story is not None and _is_seen(story, query)
    await witness(
        connection,
        call,
        action="information.read",
        outcome=DISCLOSED if is_seen else REFUSED,
        moment=moment,
        client_id=story.client_id if story is not None else None,
        resource_id=information_id,
    )
    return story if story is not None and is_seen else InformationNotFound()


def _is_seen(story: Story, query: InformationFilter) -> bool:
    is_own = query.organisation in (None, story.organisation)
    return is_own and (query.may_see_restricted or not story.is_restricted)


async def list_of(
    connection: Connection,
    query: InformationFilter,
    *,
    after: str,
    limit: int,
    call: Call,
    moment: Moment,
) -> Sequence[ListedInformation]:
    """List items without their facts; the reading is audited."""
    await witness(connection, call, action="information.listed", moment=moment)
    return await stories.list_information(connection, query, after=after, limit=limit)
