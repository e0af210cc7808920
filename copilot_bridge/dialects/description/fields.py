"""Descriptions of fields that the requests of several dialects have."""

from copilot_bridge.dialects.description.schemas import Schema

NAME = "A model's name, by any of its spellings; `GET /v1/models` lists them."
MODEL: Schema = {"description": NAME, "examples": ["gpt-4o"]}
LIMIT = "The maximum number of tokens of the response, up to the model's own limit."
STREAM = "Events as they come, instead of one response at the end."
PASSED_ON = "Fields that are not named here are passed on as they are."
