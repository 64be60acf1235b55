"""Pydantic's generator of JSON Schema, in Gemini's sense. Loaded when the first type is described."""

import json
from enum import Enum
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import SchemaValidator, ValidationError, core_schema, to_jsonable_python

__all__ = ["GeminiJsonSchema"]


class _NotRead(TypeError):
    """A value would be declared, and refused when it comes: pydantic reads some enums in Python only."""

    fix = "Use enums with texts or numbers as values, and in a Literal plain values or members of a StrEnum."


class GeminiJsonSchema(GenerateJsonSchema):
    """Pydantic's generator without the titles that only repeat the name of a field or class."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012  # as in the parent

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        return _without_title(super().model_schema(schema), schema["cls"].__name__)

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        return _without_title(super().dataclass_schema(schema), schema["cls"].__name__)

    def typed_dict_schema(self, schema: core_schema.TypedDictSchema) -> JsonSchemaValue:
        described = super().typed_dict_schema(schema)
        return _without_title(described, schema["cls"].__name__) if "cls" in schema else described

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
        described = super().enum_schema(schema)
        self._refuse_unread(schema, schema["members"])
        return described

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        described = super().literal_schema(schema)
        self._refuse_unread(schema, schema["expected"])
        return described

    def _refuse_unread(self, schema: core_schema.CoreSchema, values: list[Any]) -> None:
        """Refuse an enum or a Literal with a value that is not read from what is declared for it."""
        if self.mode != "validation":
            return
        reader = SchemaValidator(schema)
        for value in values:
            sent = json.dumps(to_jsonable_python(value))
            try:
                reader.validate_json(sent)
            except ValidationError:
                raise _NotRead(f"{value if isinstance(value, Enum) else repr(value)} is not read from {sent}") from None

    def named_tuple_schema(self, schema: Any) -> JsonSchemaValue:  # older pydantic has no name for this schema
        """A NamedTuple is an array for JSON, so the names of its places are told as descriptions."""
        described = super().named_tuple_schema(schema)
        for place, field in zip(described.get("prefixItems", ()), schema["fields"], strict=False):
            place.setdefault("description", field["name"])
        return described


def _without_title(schema: JsonSchemaValue, title: str) -> JsonSchemaValue:
    return {key: value for key, value in schema.items() if key != "title" or value != title}
