"""Write what was asked for as text: each document by its name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

from macie_inventory.iam import cloudformation, policies

if TYPE_CHECKING:
    from collections.abc import Callable

    from macie_inventory.iam.request import Request

__all__ = ["RENDERERS", "render"]

_WIDTH = 120


class _Dumper(yaml.SafeDumper):
    """YAML as people write it: no anchors, lists indented, text of several lines as a block."""

    def ignore_aliases(self, data: object) -> bool:
        """Write equal values twice."""
        del data
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - PyYAML's signature
        """Indent lists below their key."""
        super().increase_indent(flow, indentless=False)


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _block)


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


def _yaml(value: object) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=_WIDTH, allow_unicode=True)
    return text


def _stackset(request: Request) -> str:
    return _yaml(cloudformation.stackset_template(request, _yaml(cloudformation.member_template(request))))


def _terraform(request: Request) -> str:
    from macie_inventory.iam.terraform import terraform_module  # noqa: PLC0415 - Jinja2 only for those who ask

    return terraform_module(request, _yaml(cloudformation.member_template(request)))


RENDERERS: dict[str, Callable[[Request], str]] = {
    "member-policy": lambda request: _json(policies.member_policy(request)),
    "trust-policy": lambda request: _json(policies.trust_policy(request)),
    "collector-policy": lambda request: _json(policies.collector_policy(request)),
    "delegation-policy": lambda request: _json(policies.delegation_policy(request)),
    "cloudformation-member": lambda request: _yaml(cloudformation.member_template(request)),
    "cloudformation-collector": lambda request: _yaml(cloudformation.collector_template(request)),
    "stackset": _stackset,
    "terraform": _terraform,
}


def render(name: str, request: Request) -> str:
    """Write one document; raises UsageError when the request lacks what it needs."""
    request.check()
    return RENDERERS[name](request)
