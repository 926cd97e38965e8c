"""What `iam` prints is least privilege, well formed, and what the folder of examples shows."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import hcl2
import pytest
import yaml
from tests.operator.programs import ROOT, cfn_findings, invoke, run

from macie_inventory.cli.iam import DOCUMENTS, iam
from macie_inventory.errors import UsageError
from macie_inventory.iam.actions import OPERATIONS
from macie_inventory.iam.render import RENDERERS

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = ROOT / "config" / "iam"
COLLECTOR = "arn:aws:iam::111122223333:role/MacieInventoryCollector"
EXAMPLE_OPTIONS = ("--collector-principal", COLLECTOR, "--organization-id", "o-a1b2c3d4e5")
EVERY_OPTION = (
    *EXAMPLE_OPTIONS,
    *("--role-name", "audit/macie/Reader", "--external-id", "a+b=c/d", "--session-duration", "7200", "--account-tags"),
)


def policy(name: str, *options: str) -> dict[str, Any]:
    """Print a policy and read it back."""
    parsed: dict[str, Any] = json.loads(invoke(iam, name, *options))
    return parsed


def only_statement(name: str, *options: str) -> dict[str, Any]:
    """Print a policy of one statement and give that."""
    (statement,) = policy(name, *options)["Statement"]
    return dict(statement)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write every document, with every option given."""
    folder = tmp_path_factory.mktemp("iam")
    printed = invoke(iam, "--output", str(folder), *EVERY_OPTION)
    assert printed.split() == [str(folder / file) for file, _ in DOCUMENTS.values()]
    return folder


def test_the_examples_are_what_the_command_writes(tmp_path: Path) -> None:
    """Each file of config/iam equals the command's output, and there is no other."""
    invoke(iam, "--output", str(tmp_path), *EXAMPLE_OPTIONS)
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {path.name: path.read_text() for path in EXAMPLES.iterdir()} == written


def test_every_document_has_a_renderer() -> None:
    """The names of the command are those of the renderers."""
    assert list(DOCUMENTS) == list(RENDERERS)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_stdout_and_file_are_the_same(name: str, everything: Path) -> None:
    """A document printed is the document written."""
    assert invoke(iam, name, *EVERY_OPTION) == (everything / DOCUMENTS[name][0]).read_text()


def test_templates_please_cfn_lint(everything: Path, tmp_path: Path) -> None:
    """CloudFormation's linter finds nothing, not even in the template that the StackSet carries or in one of few options."""
    stackset = yaml.safe_load((everything / "stackset.yaml").read_text())
    carried = everything / "carried.yaml"
    carried.write_text(stackset["Resources"]["MemberRoles"]["Properties"]["TemplateBody"])
    for name in ("cloudformation-member", "cloudformation-collector", "stackset"):
        (tmp_path / f"{name}.yaml").write_text(invoke(iam, name, "--discovery", "accounts"))
    assert cfn_findings([*everything.glob("*.yaml"), *tmp_path.glob("*.yaml")]) == []


def test_cfn_lint_would_find_an_action_that_does_not_exist(tmp_path: Path) -> None:
    """The check of the templates sees actions: one that AWS does not have is found."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(invoke(iam, "cloudformation-member").replace("ListClassificationJobs\n", "ListJobsOfAll\n"))
    assert any("listjobsofall" in finding for finding in cfn_findings([wrong]))


def test_the_stackset_carries_the_member_template(everything: Path) -> None:
    """What the StackSet deploys is the member's template, with the same parameters handed on."""
    properties = yaml.safe_load((everything / "stackset.yaml").read_text())["Resources"]["MemberRoles"]["Properties"]
    member = (everything / "cloudformation-member.yaml").read_text()
    assert properties["TemplateBody"] == member
    assert {item["ParameterKey"] for item in properties["Parameters"]} == set(yaml.safe_load(member)["Parameters"])
    assert properties["PermissionModel"] == "SERVICE_MANAGED"
    assert properties["AutoDeployment"]["Enabled"] is True


def test_the_member_role_lists_jobs_and_nothing_else() -> None:
    """One action is enough, and one is allowed."""
    assert only_statement("member-policy")["Action"] == ["macie2:ListClassificationJobs"]


def test_actions_follow_from_what_is_wanted() -> None:
    """Organizations is allowed only where accounts come from there, tags only on request."""
    default = {action for item in policy("collector-policy")["Statement"] for action in item["Action"]}
    named = {a for item in policy("collector-policy", "--discovery", "accounts")["Statement"] for a in item["Action"]}
    tags = {a for item in policy("collector-policy", "--account-tags")["Statement"] for a in item["Action"]}
    assert named == {"sts:AssumeRole", "macie2:ListClassificationJobs"}
    assert tags - default == {"organizations:ListTagsForResource"}
    assert tags == {operation.action for operation in OPERATIONS if operation.needs_permission}


def test_assume_role_is_allowed_for_the_member_role_alone() -> None:
    """The collector may assume the role of that name, with its path, within the organization."""
    options = ("--role-name", "/audit/Reader", "--organization-id", "o-a1b2c3d4e5", "--partition", "aws-us-gov")
    assume = policy("collector-policy", *options)["Statement"][0]
    assert assume["Resource"] == "arn:aws-us-gov:iam::*:role/audit/Reader"
    assert assume["Condition"] == {"StringEquals": {"aws:ResourceOrgID": "o-a1b2c3d4e5"}}


def test_the_trust_policy_holds_every_condition() -> None:
    """Principal, external id and organization must all fit."""
    statement = only_statement("trust-policy", *EVERY_OPTION)
    assert statement["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    assert statement["Condition"] == {
        "ArnLike": {"aws:PrincipalArn": COLLECTOR},
        "StringEquals": {"sts:ExternalId": "a+b=c/d", "aws:PrincipalOrgID": "o-a1b2c3d4e5"},
    }


def test_a_trust_policy_of_an_account_has_no_empty_condition() -> None:
    """Without a condition there is no empty one, which IAM would refuse."""
    assert "Condition" not in only_statement("trust-policy", "--collector-account", "111122223333")


def test_role_and_external_id_come_from_the_configuration_too(tmp_path: Path) -> None:
    """What the program is configured with is what the policies name."""
    file = tmp_path / "macie-inventory.toml"
    file.write_text('role_name = "FromTheFile"\n')
    env = {"MACIE_INVENTORY_EXTERNAL_ID": "from-the-environment"}
    options = ("--config", str(file), "--collector-account", "111122223333")
    assert "role/FromTheFile" in invoke(iam, "collector-policy", *options, env=env)
    assert "from-the-environment" in invoke(iam, "trust-policy", *options, env=env)


def test_long_sessions_are_allowed_by_the_role() -> None:
    """The role admits sessions as long as the program asks for, and IAM's least otherwise."""
    durations = [
        yaml.safe_load(invoke(iam, "cloudformation-member", *options))["Resources"]["MemberRole"]["Properties"]
        for options in ((), ("--session-duration", "900"), ("--session-duration", "7200"))
    ]
    assert [properties["MaxSessionDuration"] for properties in durations] == [3600, 3600, 7200]


def test_the_terraform_module_says_the_same(everything: Path) -> None:
    """It parses; its template, policy and defaults are those of the other documents."""
    module = hcl2.loads((everything / "macie-inventory.tf").read_text())
    text = (everything / "macie-inventory.tf").read_text()
    member = (everything / "cloudformation-member.yaml").read_text()
    indented = "".join(f"    {line}\n" if line else "\n" for line in member.replace("${", "$${").splitlines())
    assert f"<<-YAML\n{indented}  YAML\n" in text
    collector = (everything / "collector-policy.json").read_text()
    assert "".join(f"    {line}\n" for line in collector.splitlines()) in text
    variables = {name.strip('"') for item in module["variable"] for name in item}
    assert {"role_name", "role_path", "external_id", "organization_id", "collector_principal_arn"} <= variables


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_the_terraform_module_is_formatted(everything: Path) -> None:
    """`terraform fmt` parses the module and would change nothing."""
    result = run("terraform", "fmt", "-check", "-diff", everything / "macie-inventory.tf", cwd=everything)
    assert (result.returncode, result.stdout) == (0, "")


def test_a_value_that_terraform_would_expand_stands_for_itself() -> None:
    """`${` in a value is no interpolation in the Terraform module."""
    principal = "arn:aws:iam::111122223333:role/a%{b}"
    assert 'default     = "arn:aws:iam::111122223333:role/a%%{b}"' in invoke(
        iam, "terraform", "--collector-principal", principal
    )


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("trust-policy", (), "needs --collector-account"),
        (
            "delegation-policy",
            ("--collector-account", "111122223333", "--discovery", "accounts"),
            "--discovery organization",
        ),
        ("member-policy", ("--collector-account", "1"), "no account id"),
        ("member-policy", ("--organization-id", "r-1234"), "no organization id"),
        ("member-policy", ("--partition", "mars"), "no partition"),
        ("member-policy", ("--role-name", "R" * 65), "no role name"),
        ("member-policy", ("--role-name", "a*/Role"), "cannot carry *"),
        ("member-policy", ("--collector-principal", "Collector"), "no ARN"),
        (
            "member-policy",
            ("--collector-principal", "arn:aws:sts::111122223333:assumed-role/Admin/me"),
            "arn:aws:iam::111122223333:role/Admin",
        ),
        ("member-policy", ("--collector-principal", COLLECTOR, "--collector-account", "444455556666"), "drop one"),
        ("member-policy", ("--collector-principal", COLLECTOR, "--partition", "aws-cn"), "--partition"),
    ],
)
def test_wrong_options_are_named(name: str, options: tuple[str, ...], message: str) -> None:
    """What cannot be right ends with one line that names the option and the next step."""
    with pytest.raises(UsageError) as error:
        invoke(iam, name, *options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_nothing_is_written_when_something_is_wrong(tmp_path: Path) -> None:
    """A request that cannot be rendered leaves no file behind."""
    with pytest.raises(UsageError):
        invoke(iam, "--output", str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_without_a_document_it_says_which_there_are() -> None:
    """The bare command lists the documents."""
    printed = invoke(iam)
    assert all(f"{name} " in printed and what in printed for name, (_, what) in DOCUMENTS.items())
