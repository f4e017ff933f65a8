"""The topics and what is in them as an AsyncAPI 3 document, made of the events themselves: `document(...)`.

Whoever reads our topics from elsewhere has there what a record's key, headers and value are. Payloads are as they are
written; a reader that is older than the writer finds fields that it does not know (docs/telemetry.md).
https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from inspect import cleandoc
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from telemetry.bus.names import Names
from telemetry.codec import IN_HEADERS
from telemetry.events import EVENTS, Event
from telemetry.topics import Topic

_KAFKA: Final = "0.5.0"
"""The version of AsyncAPI's bindings for Kafka."""
_REFERENCE: Final = "#/components/schemas/{model}"
_HEADERS: Final[dict[str, Any]] = {
    "type": "object",
    "description": "CloudEvents 1.0 in Kafka's binary content mode.",
    "required": ["ce_specversion", "ce_type", "ce_id", "ce_source", "ce_time", "content-type"],
    "properties": {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_type": {"type": "string", "description": "The message's name."},
        "ce_id": {"type": "string", "description": "What consumers deduplicate by."},
        "ce_source": {"type": "string", "format": "uri-reference"},
        "ce_time": {"type": "string", "format": "date-time"},
        "content-type": {"type": "string", "const": "application/json"},
    },
}


def document(topics: Iterable[Topic], names: Names, version: str) -> dict[str, Any]:
    """The document of these topics, under the names that they have on the cluster; `version` is Belay's."""
    _, schemas = models_json_schema([(event, "validation") for event in EVENTS], ref_template=_REFERENCE)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Belay's topics",
            "version": version,
            "description": "What router, worker and control tell each other. Belay writes all of it; anybody may read. "
            'A number beyond all bounds is the text "Infinity".',
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic, names) for topic in topics},
        "operations": {
            f"send{event.__name__}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{event.TOPIC}"},
                "messages": [{"$ref": f"#/channels/{event.TOPIC}/messages/{event.__name__}"}],
            }
            for event in EVENTS
        },
        "components": {
            "messages": {event.__name__: _message(event, schemas["$defs"]) for event in EVENTS},
            "schemas": {"Headers": _HEADERS, **_shared(schemas["$defs"])},
        },
    }


def _channel(topic: Topic, names: Names) -> dict[str, Any]:
    configuration: dict[str, Any] = {"cleanup.policy": [topic.cleanup]}
    for name in ("retention.ms", "retention.bytes", "delete.retention.ms", "max.message.bytes"):
        if name in topic.configs:
            configuration[name] = int(topic.configs[name])
    return {
        "address": names.topic(topic.name),
        "description": f"Kept so that this holds: {topic.promise}.",
        "messages": {
            event.__name__: {"$ref": f"#/components/messages/{event.__name__}"}
            for event in EVENTS
            if topic.name == event.TOPIC
        },
        "bindings": {
            "kafka": {
                "topic": names.topic(topic.name),
                "partitions": topic.partitions,
                "topicConfiguration": configuration,
                "bindingVersion": _KAFKA,
            }
        },
    }


def _message(event: type[Event], schemas: dict[str, Any]) -> dict[str, Any]:
    summary, _, rest = cleandoc(event.__doc__ or "").partition("\n\n")
    key = {"type": "string", "description": f"The field `{event.KEY}`."}
    return {
        "name": event.TYPE,
        "title": event.__name__,
        "summary": summary,
        **({"description": rest} if rest else {}),
        "contentType": "application/json",
        "headers": {"$ref": _REFERENCE.format(model="Headers")},
        "payload": _payload(event, schemas[event.__name__]),
        "bindings": {"kafka": {"key": key, "bindingVersion": _KAFKA}},
    }


def _payload(event: type[Event], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a value: some of an event's fields are headers."""
    fields = {name: field for name, field in schema["properties"].items() if name not in IN_HEADERS}
    required = [name for name in schema["required"] if name not in IN_HEADERS]
    return {"title": event.__name__, **schema, "properties": fields, "required": required}


def _shared(schemas: dict[str, Any]) -> dict[str, Any]:
    """What payloads are made of; of the events those that lie in others, with all their fields."""
    events, said = {event.__name__ for event in EVENTS}, json.dumps(schemas)
    return {
        name: schema
        for name, schema in schemas.items()
        if name not in events or f'"{_REFERENCE.format(model=name)}"' in said
    }
