"""The templates of every scheduler please their own linters, and start the program as it wants to be started."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.operator.programs import ROOT, SCRIPTS, cfn_findings, run

from macie_inventory.cli.app import cli
from macie_inventory.cli.iam import iam
from macie_inventory.settings import ENV_PREFIX, Settings

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATES = ROOT / "config" / "scheduling"
PROGRAM = "/opt/macie-inventory/bin/macie-inventory"
SERVICE = (TEMPLATES / "systemd" / "macie-inventory.service").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def cron_line() -> str:
    """Give the one line of the crontab that starts something."""
    lines = (TEMPLATES / "macie-inventory.cron").read_text().splitlines()
    (line,) = (item for item in lines if item[:1].isdigit())
    return line


def resource(kind: str) -> dict[str, Any]:
    """Give a resource of the Kubernetes template."""
    documents = yaml.safe_load_all((TEMPLATES / "kubernetes" / "cronjob.yaml").read_text())
    (found,) = (document for document in documents if document["kind"] == kind)
    return dict(found)


def check_arguments(words: list[str]) -> None:
    """Check that the program takes these arguments: a command that exists, with options that it has."""
    context = cli.make_context("macie-inventory", list(words), resilient_parsing=False)
    name, command, rest = cli.resolve_command(context, [*context._protected_args, *context.args])  # noqa: SLF001 - click's own way
    assert command is not None
    command.make_context(name, rest, parent=context)


def test_every_template_has_its_test() -> None:
    """No template lies in the folder without a test below."""
    files = {str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*") if path.is_file()}
    assert files == {
        "macie-inventory.cron",
        "systemd/macie-inventory.service",
        "systemd/macie-inventory.timer",
        "kubernetes/cronjob.yaml",
        "ecs/fargate.yaml",
        "github/macie-inventory.yml",
    }


def test_every_template_has_its_place_on_the_page() -> None:
    """docs/how-to/scheduling.md names every template."""
    page = (ROOT / "docs" / "how-to" / "scheduling.md").read_text()
    for name in (
        "macie-inventory.cron",
        "systemd/",
        "kubernetes/cronjob.yaml",
        "ecs/fargate.yaml",
        "github/macie-inventory.yml",
    ):
        assert f"config/scheduling/{name}" in page


@pytest.mark.parametrize(("code", "mailed"), [(0, False), (3, True), (1, True)])
def test_cron_mails_only_what_is_not_complete(tmp_path: Path, code: int, mailed: bool) -> None:
    """The crontab's command prints, and so mails, the output and the exit code of every run but a complete one."""
    *when, user, command = cron_line().split(maxsplit=6)
    assert when == ["15", "3", "*", "*", "*"]
    assert user == "macie-inventory"
    assert "%" not in command, "cron takes % for a line break"
    program = tmp_path / "macie-inventory"
    program.write_text(f'#!/bin/sh\necho "called: $*"\necho "on stderr" >&2\nexit {code}\n')
    program.chmod(0o755)
    command = command.replace(PROGRAM, str(program)).replace("/var/lib/macie-inventory", str(tmp_path))
    printed = run("/bin/sh", "-c", command).stdout
    expected = f"exit code {code}\ncalled: --config /etc/macie-inventory/macie-inventory.toml collect\non stderr\n"
    assert printed == (expected if mailed else "")


def test_cron_and_systemd_give_arguments_that_exist() -> None:
    """What cron and systemd start is a command of the program with options that it takes."""
    for text in (cron_line(), SERVICE):
        match = re.search(rf"{PROGRAM} ([^\n]*collect)", text)
        assert match
        check_arguments(match[1].split())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_verifies_its_units(tmp_path: Path) -> None:
    """`systemd-analyze verify` finds nothing, and `security` sees little exposure."""
    for unit in (TEMPLATES / "systemd").iterdir():
        (tmp_path / unit.name).write_text(unit.read_text().replace(PROGRAM, "/bin/true"))
    units = sorted(tmp_path.iterdir())
    result = run("systemd-analyze", "verify", *units)
    assert (result.returncode, result.stderr) == (0, "")
    security = run("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", units[0])
    assert security.returncode == 0, security.stdout


def test_systemd_units_say_what_matters() -> None:
    """Where systemd is not installed, the lines that matter are still there."""
    timer = (TEMPLATES / "systemd" / "macie-inventory.timer").read_text()
    assert "\nPersistent=true\n" in timer
    assert re.search(r"\nOnCalendar=\S+ 03:15:00 UTC\n", timer)
    for line in ("Type=oneshot", "DynamicUser=yes", "StateDirectory=macie-inventory", "KillSignal=SIGTERM"):
        assert f"\n{line}\n" in SERVICE
    assert "SuccessExitStatus" not in SERVICE, "a partial run must count as failed"


@pytest.mark.parametrize("version", ["1.31", "1.37"])
def test_kubernetes_takes_every_resource(version: str) -> None:
    """Each resource fits the schemas of old and new Kubernetes, without a field that they do not know."""
    file = TEMPLATES / "kubernetes" / "cronjob.yaml"
    result = run(SCRIPTS / "kubernetes-validate", "--kubernetes-version", version, "--strict", file)
    assert result.returncode == 0, result.stdout + result.stderr
    assert (result.stdout + result.stderr).count(" passed for resource ") == 3


def test_the_cronjob_runs_as_the_program_wants() -> None:
    """No overlap, no root, nothing writable but /tmp; partial runs and mistakes are not started over."""
    job = resource("CronJob")["spec"]
    pod = job["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert job["concurrencyPolicy"] == "Forbid"
    assert job["jobTemplate"]["spec"]["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"] == [2, 3]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["securityContext"]["runAsUser"] == 10001
    check_arguments(container["args"])
    check_environment(item["name"] for item in container["env"])


def test_the_cronjobs_configuration_is_one(tmp_path: Path) -> None:
    """The ConfigMap's file holds keys and values that the program takes, and its limit is below the scheduler's."""
    from macie_inventory.settings import load_settings  # noqa: PLC0415 - beside its use

    file = tmp_path / "macie-inventory.toml"
    file.write_text(resource("ConfigMap")["data"]["macie-inventory.toml"])
    deadline = resource("CronJob")["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"]
    assert (load_settings({}, file).timeout or deadline) < deadline


def check_environment(names: Any) -> None:  # noqa: ANN401 - any iterable of names
    """Check that every variable of the program is one that it knows."""
    for name in names:
        if name.startswith(ENV_PREFIX):
            assert name.removeprefix(ENV_PREFIX).lower() in Settings.model_fields, name


def test_fargate_pleases_cfn_lint() -> None:
    """CloudFormation's linter finds nothing in the Fargate template."""
    assert cfn_findings([TEMPLATES / "ecs" / "fargate.yaml"]) == []


def test_fargate_runs_as_the_program_wants() -> None:
    """The task has an init process, a read-only root, no root user, and variables that the program knows."""
    text = (TEMPLATES / "ecs" / "fargate.yaml").read_text()
    plain = yaml.safe_load(re.sub(r"!(Ref|Sub|GetAtt) ", "", text))
    (container,) = plain["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    assert container["LinuxParameters"] == {"InitProcessEnabled": True}
    assert container["ReadonlyRootFilesystem"] is True
    assert container["User"] == "10001:10001"
    check_arguments(container["Command"])
    check_environment(item["Name"] for item in [*container["Environment"], *container["Secrets"]])
    # The filter that counts complete runs looks for a line that `collect --format json` prints.
    assert plain["Resources"]["CompleteRuns"]["Properties"]["FilterPattern"] == r'"\"status\": \"complete\""'
    assert {"Name": "MACIE_INVENTORY_FORMAT", "Value": "json"} in container["Environment"]


def test_the_workflow_is_one() -> None:
    """GitHub's own schema of workflows takes it."""
    result = run(
        SCRIPTS / "check-jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
        TEMPLATES / "github" / "macie-inventory.yml",
    )
    assert result.returncode == 0, result.stdout


def test_the_workflow_runs_commands_that_exist() -> None:
    """Its steps start commands of the program, and its variables are known."""
    workflow = yaml.safe_load((TEMPLATES / "github" / "macie-inventory.yml").read_text())
    job = workflow["jobs"]["collect"]
    check_environment(job["env"])
    commands = [step["run"] for step in job["steps"] if step.get("run", "").startswith("macie-inventory")]
    assert [command.split()[1] for command in commands] == ["collect", "runs"]
    for command in commands:
        check_arguments(command.split(">>")[0].split()[1:])
    assert workflow["permissions"] == {"contents": "read", "id-token": "write"}


def test_hadolint_is_content() -> None:
    """Hadolint has nothing to say about the Dockerfile."""
    result = run(SCRIPTS / "hadolint", "--no-color", ROOT / "Dockerfile")
    assert (result.returncode, result.stdout) == (0, "")


def test_the_image_starts_the_program_itself() -> None:
    """No shell stands between a signal and the program, which is not root."""
    assert '\nENTRYPOINT ["macie-inventory"]\nCMD ["collect"]\n' in DOCKERFILE
    assert "\nUSER 10001:10001\n" in DOCKERFILE
    assert "\nSTOPSIGNAL SIGTERM\n" in DOCKERFILE


def test_the_image_copies_what_the_build_needs() -> None:
    """Every path that is copied is let through by .dockerignore, and nothing else is."""
    copied = {
        word for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]
    }
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    assert copied == {line.removeprefix("!") for line in ignore if line.startswith("!")}
    assert "*" in ignore
    assert all((ROOT / path).exists() for path in copied)


def test_the_roles_name_is_the_templates() -> None:
    """The role that the schedulers name is the one that `iam` makes."""
    from tests.operator.programs import invoke  # noqa: PLC0415 - beside its use

    assert "RoleName: MacieInventoryCollector" in invoke(iam, "cloudformation-collector")
    role = resource("ServiceAccount")["metadata"]["annotations"]["eks.amazonaws.com/role-arn"]
    assert role.endswith(":role/MacieInventoryCollector")
