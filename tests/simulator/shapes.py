"""Checks answers against botocore's service models: no unknown member, right types, required members there."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree as ET

import botocore.loaders
import botocore.model

_PYTHON = {
    "boolean": bool,
    "integer": int,
    "long": int,
    "double": int | float,
    "float": int | float,
    "list": list,
    "map": dict,
}


@lru_cache
def model(service: str) -> Any:  # noqa: ANN401 - botocore has no types
    """Return botocore's model of a service."""
    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(service, "service-2"), service)


def output(service: str, operation: str) -> Any:  # noqa: ANN401 - botocore has no types
    """Return the shape of an operation's result."""
    return model(service).operation_model(operation).output_shape


def flaws(shape: Any, value: Any, where: str = "result") -> list[str]:  # noqa: ANN401 - botocore's shapes, any JSON
    """Return everything in a JSON value that the shape does not allow."""
    match shape.type_name:
        case "structure":
            return _structure_flaws(shape, value, where)
        case "list" if isinstance(value, list):
            return [
                flaw for number, item in enumerate(value) for flaw in flaws(shape.member, item, f"{where}[{number}]")
            ]
        case "map" if isinstance(value, dict):
            return [flaw for key, item in value.items() for flaw in flaws(shape.value, item, f"{where}.{key}")]
        case "timestamp":
            return _timestamp_flaws(shape, value, where)
        case "string":
            return _string_flaws(shape, value, where)
    fits = isinstance(value, _PYTHON[shape.type_name]) and isinstance(value, bool) == (shape.type_name == "boolean")
    return [] if fits else [f"{where} is no {shape.type_name}: {value!r}"]


def _structure_flaws(shape: Any, value: Any, where: str) -> list[str]:  # noqa: ANN401 - see flaws
    if not isinstance(value, dict):
        return [f"{where} is no object: {value!r}"]
    names = {member.serialization.get("name", name): member for name, member in shape.members.items()}
    required = {shape.members[name].serialization.get("name", name) for name in shape.required_members}
    found = [f"{where}.{name} is unknown" for name in value.keys() - names.keys()]
    found += [f"{where}.{name} is missing" for name in required - value.keys()]
    for name in value.keys() & names.keys():
        if value[name] is not None:
            found += flaws(names[name], value[name], f"{where}.{name}")
    return found


def _timestamp_flaws(shape: Any, value: Any, where: str) -> list[str]:  # noqa: ANN401 - see flaws
    if shape.serialization.get("timestampFormat") == "iso8601":
        return [] if isinstance(value, str) and datetime.fromisoformat(value).tzinfo else [f"{where} has no zone"]
    return [] if isinstance(value, int | float) else [f"{where} is no number of seconds: {value!r}"]


def _string_flaws(shape: Any, value: Any, where: str) -> list[str]:  # noqa: ANN401 - see flaws
    if not isinstance(value, str):
        return [f"{where} is no string: {value!r}"]
    if shape.enum and value not in shape.enum:
        return [f"{where} is none of {shape.enum}: {value!r}"]
    pattern = shape.metadata.get("pattern")
    if pattern and r"\p" not in pattern and r"\u" not in pattern and not re.search(pattern, value):
        return [f"{where} does not match {pattern}: {value!r}"]
    return []


def from_xml(shape: Any, element: ET.Element) -> Any:  # noqa: ANN401 - see flaws
    """Return the JSON-like value of an XML element; members that the shape does not know stay under their names."""
    if shape.type_name == "structure":
        members = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        return {
            child.tag: from_xml(members[child.tag], child) if child.tag in members else child.text for child in element
        }
    if shape.type_name == "list":
        return [from_xml(shape.member, child) for child in element]
    text = element.text or ""
    return datetime.fromisoformat(text).timestamp() if shape.type_name == "timestamp" else text


def parse_xml(text: bytes) -> tuple[ET.Element, str]:
    """Return an XML document without namespaces, and the namespace of its root."""
    root = ET.fromstring(text)  # noqa: S314 - our own server's answer
    namespace = root.tag[1:].partition("}")[0] if root.tag.startswith("{") else ""
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root, namespace
