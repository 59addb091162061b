"""What a service tells and hears, as an AsyncAPI 3 document: feeds and topics, messages, headers.

It is generated from the types of events and from what the publisher does; nothing is written here
that stands elsewhere in the code. Data are described once, whichever way they travel.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from kuntavayla.events import event_schemas
from kuntavayla.outbox.binary import ATTRIBUTES, header_of
from kuntavayla.outbox.broker import PARTITIONS, topic_of
from kuntavayla.outbox.topics import DAY_MS, IN_DAYS, OUT_DAYS, inbound_topic_of

Json = dict[str, Any]
BINDING_VERSION = "0.5.0"
_SCHEMAS = "#/components/schemas"
_MESSAGES = "#/components/messages"
_TEXT = {"type": "string"}
_REQUIRED_OF_OUTSIDE = ("specversion", "id", "source", "type")


class InboundMessage(Struct, frozen=True, kw_only=True):
    """What a counterpart may send by its own topic: `type_name` with prefix and version."""

    type_name: str
    value_type: Any
    title: str

    @classmethod
    def of(cls, type_name: str, value_type: type[Struct]) -> "InboundMessage":
        """Return the message whose value is one type, with that type's own title."""
        title = (value_type.__doc__ or "").splitlines()[0]
        return cls(type_name=type_name, value_type=value_type, title=title)


class Told(Struct, frozen=True, kw_only=True):
    """Who tells and hears what: `service` names the topics, `source` the events.

    A service that reads no topic of case systems has no `inbound`.
    """

    service: str
    source: str
    event_types: Sequence[type[Struct]]
    inbound: InboundMessage | None = None


def asyncapi_document(told: Told, *, title: str, version: str) -> Json:
    """Return the AsyncAPI document of a service: a feed and a topic per recipient, and inbound."""
    channels = _feeds(told) | _topics(told) | _inbound_topics(told)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": title,
            "version": version,
            "description": f"CloudEvents of {told.source}.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": _operations(channels),
        "components": {"schemas": _schemas(told), "messages": _messages(told)},
    }


def _operations(channels: Mapping[str, Json]) -> Json:
    return {
        f"{action}-{name}": {"action": action, "channel": {"$ref": f"#/channels/{name}"}}
        for name in channels
        for action in ("receive" if name == "inbound" else "send",)
    }


def _feeds(told: Told) -> dict[str, Json]:
    listed = {name: {"$ref": f"{_MESSAGES}/{name}"} for name in _names(told)}
    return {
        "events": {
            "address": "/events",
            "description": "The recipient's events over HTTP, each beside its data.",
            "messages": listed,
        },
        "restricted": {
            "address": "/events/restricted",
            "description": "Clients with a security ban: over HTTP alone, never by a topic.",
            "messages": listed,
        },
    }


def _topics(told: Told) -> dict[str, Json]:
    listed = {name: {"$ref": f"{_MESSAGES}/{name}.record"} for name in _names(told)}
    return {
        "topic": {
            "address": topic_of(told.service, "{recipient}"),
            "description": "The recipient's events of the common feed, in its order by key.",
            "parameters": {
                "recipient": {
                    "description": "An organisation of the register, which alone reads it;"
                    " `internal` is for our own services."
                }
            },
            "messages": listed,
            "bindings": _topic_bindings(OUT_DAYS),
        },
    }


def _inbound_topics(told: Told) -> dict[str, Json]:
    if told.inbound is None:
        return {}
    return {
        "inbound": {
            "address": inbound_topic_of(told.service, "{case_system}"),
            "description": "Written by one case system alone, read by the service alone.",
            "parameters": {
                "case_system": {"description": "The case system, and so who speaks in the topic."}
            },
            "messages": {"inbound": {"$ref": f"{_MESSAGES}/inbound"}},
            "bindings": _topic_bindings(IN_DAYS),
        },
    }


def _topic_bindings(days: int) -> Json:
    return {
        "kafka": {
            "partitions": PARTITIONS,
            "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": days * DAY_MS},
            "bindingVersion": BINDING_VERSION,
        }
    }


def _messages(told: Told) -> dict[str, Json]:
    messages: dict[str, Json] = {}
    for event_type, name in zip(told.event_types, _names(told), strict=True):
        type_name = f"fi.kuntavayla.{name}.v1"
        title = (event_type.__doc__ or "").splitlines()[0]
        named = {"name": type_name, "title": title, "contentType": "application/json"}
        data = {"$ref": f"{_SCHEMAS}/{name}"}
        of_type = {"properties": {"type": {"const": type_name}, "data": data}, "required": ["data"]}
        messages[name] = named | {
            "payload": {"allOf": [{"$ref": f"{_SCHEMAS}/attributes"}, of_type]}
        }
        messages[f"{name}.record"] = named | {
            "headers": _headers("headers", type_name),
            "payload": data,
            "bindings": _key("client_id, the event's `partitionkey`"),
        }
    if told.inbound is None:
        return messages
    return messages | {"inbound": _inbound_message(told.inbound)}


def _inbound_message(inbound: InboundMessage) -> Json:
    return {
        "name": inbound.type_name,
        "title": inbound.title,
        "contentType": "application/json",
        "headers": _headers("headers-of-outside", inbound.type_name),
        "payload": _inbound_schemas(inbound)[0],
        "bindings": _key("client_id: what has the same key waits behind what was parked"),
    }


def _inbound_schemas(inbound: InboundMessage) -> tuple[Json, dict[str, Json]]:
    """Return the schema of an inbound value, and those that it names.

    What tells its forms apart stands in each of them; AsyncAPI knows no map from it to schemas.
    """
    (schema,), named = msgspec.json.schema_components(
        [inbound.value_type], ref_template=_SCHEMAS + "/{name}"
    )
    return _undiscriminated(schema), {name: _undiscriminated(each) for name, each in named.items()}


def _undiscriminated(schema: Json) -> Json:
    """Return a schema without OpenAPI's discriminators, which AsyncAPI does not know.

    Each of the alternatives says itself which value of its tag it takes.
    """
    told = {**schema}
    if "anyOf" in told:
        told.pop("discriminator", None)
    return {name: _each_undiscriminated(part) for name, part in told.items()}


def _each_undiscriminated(part: Any) -> Any:  # noqa: ANN401 - any part of a schema
    if isinstance(part, dict):
        return _undiscriminated(part)
    return [_each_undiscriminated(each) for each in part] if isinstance(part, list) else part


def _headers(schema: str, type_name: str) -> Json:
    of_type = {"properties": {header_of("type"): {"const": type_name}}}
    return {"type": "object", "allOf": [{"$ref": f"{_SCHEMAS}/{schema}"}, of_type]}


def _key(description: str) -> Json:
    key = {"type": "string", "description": description}
    return {"kafka": {"key": key, "bindingVersion": BINDING_VERSION}}


def _schemas(told: Told) -> dict[str, Json]:
    headers = [header_of(name) for name in ATTRIBUTES]
    data = {
        name: {key: value for key, value in schema.items() if not key.startswith("$")}
        for (name, _), schema in event_schemas(told.event_types).items()
    }
    attributes = {
        "attributes": _texts(ATTRIBUTES, required=ATTRIBUTES, more="redeliveryid"),
        "headers": _texts(headers, required=headers, more=header_of("redeliveryid")),
    }
    if told.inbound is None:
        return attributes | data
    _, of_inbound = _inbound_schemas(told.inbound)
    required = [header_of(name) for name in _REQUIRED_OF_OUTSIDE]
    of_outside = {"headers-of-outside": _texts(headers, required=required)}
    return attributes | of_outside | data | of_inbound


def _texts(names: Sequence[str], *, required: Sequence[str], more: str | None = None) -> Json:
    """Return an object of texts; `more` is one that need not be there."""
    listed = [*names, more] if more else names
    return {
        "type": "object",
        "properties": dict.fromkeys(listed, _TEXT),
        "required": [*required],
    }


def _names(told: Told) -> list[str]:
    return [name for name, _ in event_schemas(told.event_types)]
