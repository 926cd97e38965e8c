"""The policies: what the member role may do, who may assume it, and what the collector may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from macie_inventory.errors import UsageError
from macie_inventory.iam.actions import Caller, Feature, actions

if TYPE_CHECKING:
    from macie_inventory.iam.request import Request

__all__ = [
    "Json",
    "collector_policy",
    "collector_statements",
    "delegation_policy",
    "document",
    "member_policy",
    "trust_policy",
    "trust_statement",
]

Json = dict[str, Any]
"""A policy, or a part of one; its leaves may be CloudFormation's functions."""


def document(*statements: Json) -> Json:
    """Give a policy of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def member_policy(request: Request) -> Json:
    """Give what the member role may do in its account. ListClassificationJobs knows no resources: it is all or nothing."""
    return document(
        {
            "Sid": "ListClassificationJobs",
            "Effect": "Allow",
            "Action": actions(Caller.MEMBER, request.features),
            "Resource": "*",
        }
    )


def trust_policy(request: Request) -> Json:
    """Give who may assume the member role; raises UsageError when the collector's account is not known."""
    account = request.collector
    if account is None:
        raise UsageError(
            "a trust policy needs --collector-account or --collector-principal; "
            "`aws sts get-caller-identity` shows who runs the program"
        )
    return document(
        trust_statement(
            f"arn:{request.partition}:iam::{account}:root",
            principal=request.collector_principal,
            external_id=request.external_id,
            organization_id=request.organization_id,
        )
    )


def trust_statement(root: object, *, principal: object, external_id: object, organization_id: object) -> Json:
    """Give the one statement of a trust policy; a None leaves its condition out.

    The account is the principal, and the role or user that runs the program is a condition: a principal that is
    named directly must exist beforehand, and is lost when it is made anew under the same name.
    """
    equal = {
        key: value
        for key, value in (("sts:ExternalId", external_id), ("aws:PrincipalOrgID", organization_id))
        if value is not None
    }
    conditions = {
        operator: keys
        for operator, keys in (
            ("ArnLike", {} if principal is None else {"aws:PrincipalArn": principal}),
            ("StringEquals", equal),
        )
        if keys
    }
    statement: Json = {
        "Sid": "AssumedByTheCollector",
        "Effect": "Allow",
        "Principal": {"AWS": root},
        "Action": "sts:AssumeRole",
    }
    return statement | ({"Condition": conditions} if conditions else {})


def collector_policy(request: Request) -> Json:
    """Give what the principal that runs the program may do."""
    return document(
        *collector_statements(
            request, f"arn:{request.partition}:iam::*:role{request.path}{request.name}", request.organization_id
        )
    )


def collector_statements(request: Request, member_roles: object, organization_id: object) -> list[Json]:
    """Give the statements of the collector's policy; `member_roles` is the ARN of the role in all accounts.

    The collector's own account is visited with its own credentials, so it holds the member's actions too.
    """
    assume: Json = {
        "Sid": "AssumeMemberRoles",
        "Effect": "Allow",
        "Action": actions(Caller.COLLECTOR, {Feature.MEMBERS}),
        "Resource": member_roles,
    }
    if organization_id is not None:
        assume["Condition"] = {"StringEquals": {"aws:ResourceOrgID": organization_id}}
    own = {
        "Sid": "ListOwnClassificationJobs",
        "Effect": "Allow",
        "Action": actions(Caller.MEMBER, request.features),
        "Resource": "*",
    }
    reads = _organization_reads(request)
    read = {"Sid": "ReadOrganization", "Effect": "Allow", "Action": reads, "Resource": "*"}
    return [assume, own, *([read] if reads else [])]


def delegation_policy(request: Request) -> Json:
    """Give the organization's resource policy that lets the collector's account read it without being more.

    Raises UsageError when the collector's account is not known, or the organization is not to be read.
    """
    if request.collector is None or not request.organization:
        raise UsageError("a delegation policy needs --collector-account and --discovery organization")
    return document(
        {
            "Sid": "ReadByTheCollector",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{request.partition}:iam::{request.collector}:root"},
            "Action": _organization_reads(request),
            "Resource": "*",
        }
    )


def _organization_reads(request: Request) -> list[str]:
    return actions(Caller.COLLECTOR, request.features & {Feature.ORGANIZATION, Feature.ACCOUNT_TAGS})
