"""The Terraform module: the same member role and the same collector policy, for those who manage with Terraform."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from macie_inventory.iam.cloudformation import COLLECTOR_ROLE, member_template
from macie_inventory.iam.policies import collector_policy

if TYPE_CHECKING:
    from macie_inventory.iam.request import Request

__all__ = ["terraform_module"]

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


def terraform_module(request: Request, member_body: str) -> str:
    """Write the module; `member_body` is the text of the member role's template."""
    environment = Environment(
        loader=PackageLoader("macie_inventory.iam"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - this is HCL, and every value goes through `hcl` or `heredoc`
    )
    environment.filters |= {"hcl": _quoted, "heredoc": _literal}
    parameters = member_template(request)["Parameters"]
    return environment.get_template("macie-inventory.tf.j2").render(
        parameters={name: {"NoEcho": False} | parameter for name, parameter in parameters.items()},
        variables={name: _WORD.sub("_", name).lower() for name in parameters},
        width=max(map(len, parameters)),
        member_template=member_body.rstrip("\n"),
        collector_name=COLLECTOR_ROLE,
        collector_policy=json.dumps(collector_policy(request), indent=2),
    )


def _quoted(text: str) -> str:
    return json.dumps(_literal(text), ensure_ascii=False)


def _literal(text: str) -> str:
    """Let `${` and `%{` stand for themselves."""
    return text.replace("${", "$${").replace("%{", "%%{")
