"""CloudFormation templates, as the mappings that YAML is written from.

The values of the request become the defaults of parameters; what was not given has no default, or leaves no trace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from macie_inventory.iam.policies import collector_statements, document, member_policy, trust_statement

if TYPE_CHECKING:
    from macie_inventory.iam.policies import Json
    from macie_inventory.iam.request import Request

__all__ = ["COLLECTOR_ROLE", "collector_template", "member_template", "stackset_template"]

COLLECTOR_ROLE = "MacieInventoryCollector"
"""The role that the collector's template makes."""

_SHORTEST_MAXIMUM = 3600
"""Seconds; IAM knows no smaller MaxSessionDuration."""

_VERSION = "2010-09-09"
_ROLE_NAME = r"[\w+=,.@-]{1,64}"


def member_template(request: Request) -> Json:
    """Give the template of the member role: deployed by a StackSet, and on its own in the management account."""
    parameters = _member_parameters(request)
    role: Json = {
        "RoleName": _ref("RoleName"),
        "Description": "Read by macie-inventory: lists Amazon Macie classification jobs, nothing else.",
        "MaxSessionDuration": max(_SHORTEST_MAXIMUM, request.session_duration),
        "AssumeRolePolicyDocument": document(
            trust_statement(
                _sub("arn:${AWS::Partition}:iam::${CollectorAccountId}:root"),
                principal=_optional("CollectorPrincipalArn", parameters),
                external_id=_optional("ExternalId", parameters),
                organization_id=_optional("OrganizationId", parameters),
            )
        ),
        "Policies": [{"PolicyName": "ListClassificationJobs", "PolicyDocument": member_policy(request)}],
    }
    if "RolePath" in parameters:
        role["Path"] = _ref("RolePath")
    return {
        "AWSTemplateFormatVersion": _VERSION,
        "Description": "macie-inventory: the role that is assumed in each account to list its Macie classification jobs.",
        "Parameters": parameters,
        "Resources": {"MemberRole": {"Type": "AWS::IAM::Role", "Properties": role}},
        "Outputs": {
            "RoleArn": {"Description": "The member role of this account.", "Value": _attribute("MemberRole.Arn")}
        },
    }


def stackset_template(request: Request, member_body: str) -> Json:
    """Give the template of a service-managed StackSet that puts the member role into every account of some units."""
    parameters = _member_parameters(request)
    return {
        "AWSTemplateFormatVersion": _VERSION,
        "Description": "macie-inventory: the member role in every account of the organization but the management account.",
        "Parameters": {
            "OrganizationalUnitIds": {
                "Type": "CommaDelimitedList",
                "Description": "The root (r-...) or the units (ou-...) whose accounts get the role, now and when they join.",
            },
            "CallAs": {
                "Type": "String",
                "Default": "SELF",
                "AllowedValues": ["SELF", "DELEGATED_ADMIN"],
                "Description": "SELF in the management account, DELEGATED_ADMIN in a delegated administrator of StackSets.",
            },
        }
        | parameters,
        "Resources": {
            "MemberRoles": {
                "Type": "AWS::CloudFormation::StackSet",
                "Properties": _stackset_properties(parameters, member_body),
            }
        },
    }


def _stackset_properties(parameters: Json, member_body: str) -> Json:
    return {
        "StackSetName": "macie-inventory-member-role",
        "Description": "The role that macie-inventory assumes in each account.",
        "PermissionModel": "SERVICE_MANAGED",
        "CallAs": _ref("CallAs"),
        "AutoDeployment": {"Enabled": True, "RetainStacksOnAccountRemoval": False},
        "ManagedExecution": {"Active": True},
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "OperationPreferences": {"MaxConcurrentPercentage": 100, "FailureTolerancePercentage": 100},
        "Parameters": [{"ParameterKey": name, "ParameterValue": _ref(name)} for name in parameters],
        "StackInstancesGroup": [
            {
                "DeploymentTargets": {"OrganizationalUnitIds": _ref("OrganizationalUnitIds")},
                # IAM is global: one region is enough.
                "Regions": [_ref("AWS::Region")],
            }
        ],
        "TemplateBody": member_body,
    }


def collector_template(request: Request) -> Json:
    """Give the template of the collector's account: its policy, and a role that a service may run the program with."""
    organization = _organization_parameter(request)
    return {
        "AWSTemplateFormatVersion": _VERSION,
        "Description": "macie-inventory: what the account that runs it needs.",
        "Parameters": {
            "MemberRole": {
                "Type": "String",
                "Default": f"{request.path}{request.name}".lstrip("/"),
                "Description": "The member role in each account, with its path if it has one.",
            },
            "TrustedService": {
                "Type": "String",
                "Default": "ecs-tasks.amazonaws.com",
                "AllowedValues": ["ecs-tasks.amazonaws.com", "ec2.amazonaws.com", "none"],
                "Description": "Who may run the program with the role; none makes no role, only the policy to attach.",
            },
        }
        | organization,
        "Conditions": {"MakeRole": {"Fn::Not": [{"Fn::Equals": [_ref("TrustedService"), "none"]}]}},
        "Resources": _collector_resources(request, organization),
        "Outputs": {
            "PolicyArn": {"Description": "Attach it to whatever runs the program.", "Value": _ref("CollectorPolicy")},
            "RoleArn": {
                "Condition": "MakeRole",
                "Description": "The role that runs the program: --collector-principal of the member roles.",
                "Value": _attribute("CollectorRole.Arn"),
            },
        },
    }


def _collector_resources(request: Request, organization: Json) -> Json:
    return {
        "CollectorPolicy": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "ManagedPolicyName": COLLECTOR_ROLE,
                "Description": "Discover accounts, assume their member roles, list the own account's Macie jobs.",
                "PolicyDocument": document(
                    *collector_statements(
                        request,
                        _sub("arn:${AWS::Partition}:iam::*:role/${MemberRole}"),
                        _optional("OrganizationId", organization),
                    )
                ),
            },
        },
        "CollectorRole": {
            "Type": "AWS::IAM::Role",
            "Condition": "MakeRole",
            "Properties": {
                "RoleName": COLLECTOR_ROLE,
                "Description": "Runs macie-inventory.",
                "AssumeRolePolicyDocument": document(
                    {
                        "Sid": "AssumedByTheService",
                        "Effect": "Allow",
                        "Principal": {"Service": _ref("TrustedService")},
                        "Action": "sts:AssumeRole",
                    }
                ),
                "ManagedPolicyArns": [_ref("CollectorPolicy")],
            },
        },
    }


def _member_parameters(request: Request) -> Json:
    parameters: Json = {
        "RoleName": _parameter("--role-name of the program.", request.name, _ROLE_NAME),
        "CollectorAccountId": _parameter("The account that runs the program.", request.collector, r"\d{12}"),
    }
    if request.path != "/":
        parameters["RolePath"] = _parameter("The path of the role.", request.path, "/.*/")
    if request.collector_principal is not None:
        parameters["CollectorPrincipalArn"] = _parameter(
            "The role or user that runs the program; * may stand for parts of it.",
            request.collector_principal,
            "arn:.*",
        )
    if request.external_id is not None:
        parameters["ExternalId"] = _parameter(
            "--external-id of the program.", request.external_id, r"[\w+=,.@:\/-]{2,1224}"
        ) | {"NoEcho": True}
    return parameters | _organization_parameter(request)


def _organization_parameter(request: Request) -> Json:
    if request.organization_id is None:
        return {}
    return {"OrganizationId": _parameter("The organization.", request.organization_id, r"o-[a-z0-9]{10,32}")}


def _parameter(description: str, default: str | None, pattern: str) -> Json:
    parameter: Json = {"Type": "String", "Description": description, "AllowedPattern": pattern}
    return parameter | ({} if default is None else {"Default": default})


def _optional(name: str, parameters: Json) -> Json | None:
    return _ref(name) if name in parameters else None


def _ref(name: str) -> Json:
    return {"Ref": name}


def _sub(text: str) -> Json:
    return {"Fn::Sub": text}


def _attribute(name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": name.split(".")}
