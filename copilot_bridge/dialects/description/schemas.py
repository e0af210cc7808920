"""Functions that build JSON Schemas, as dicts."""

from collections.abc import Iterable, Mapping
from typing import Any

from copilot_bridge.dialects.validation import Validators, or_null

Schema = dict[str, Any]


def string(about: str = "", **more: Any) -> Schema:
    return described(about, type="string", **more)


def integer(about: str = "", least: int = 0, **more: Any) -> Schema:
    return described(about, type="integer", minimum=least, **more)


def number(about: str = "") -> Schema:
    return described(about, type="number")


def boolean(about: str = "") -> Schema:
    return described(about, type="boolean")


def list_of(items: Schema, about: str = "", **more: Any) -> Schema:
    return described(about, type="array", items=items, **more)


def object_with(
    properties: Mapping[str, Schema], required: Iterable[str] = (), about: str = "", **more: Any
) -> Schema:
    """An object.  Other properties are allowed: the bridge passes them on."""
    needed = {"required": list(required)} if required else {}
    return described(
        about, type="object", properties=dict(properties), **needed, additionalProperties=True, **more
    )


def constant(value: object, about: str = "") -> Schema:
    return described(about, const=value)


def one_of(*values: object, about: str = "") -> Schema:
    return described(about, enum=list(values))


def passed_on(about: str) -> Schema:
    """A value that the bridge does not check, so its type is open."""
    return {"description": about}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def any_of(*schemas: Schema, about: str = "") -> Schema:
    return described(about, anyOf=list(schemas))


def request(
    required: Validators, optional: Validators, about: Mapping[str, str | Schema], words: str = ""
) -> Schema:
    """A request's body: the types are those of the dialect's validators; other fields are passed on.

    :param about: what each field is for, or a schema that says more of it than the validator's.
    """
    types = {name: validator.schema for name, validator in required.items()}
    types |= {name: or_null(validator.schema) for name, validator in optional.items()}
    described = {
        name: {"description": description} if isinstance(description, str) else description
        for name, description in about.items()
    }
    properties = {name: types.get(name, {}) | schema for name, schema in described.items()}
    return object_with(properties, required, words)


def event(data: Schema, *ends: str, about: str = "", named: bool = False) -> Schema:
    """An event of a stream: JSON, or one of the texts in `ends`.  `named`: it has an `event:` line.

    OpenAPI 3.1 can't describe the events of a stream; its tools apply the schema to each event.
    """
    json = {"type": "string", "contentMediaType": "application/json", "contentSchema": data}
    content = any_of(json, one_of(*ends)) if ends else json
    names = {"event": string("The data's `type`.")} if named else {}
    return object_with({**names, "data": content}, ("data",), about)


def described(about: str, **schema: Any) -> Schema:
    return {"description": about, **schema} if about else schema
