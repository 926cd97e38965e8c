"""The recipes of docs/how-to/notifications.md tell what there is to tell, to endpoints on loopback, and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from email.parser import Parser
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from tests.operator.endpoints import http_endpoint, smtp_endpoint
from tests.operator.programs import ROOT, SCRIPTS, run

from macie_inventory.simulator import Condition, ConditionKind, FaultPlan, generate_world, running

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

RECIPES = ROOT / "config" / "notifications"
PAGE = (ROOT / "docs" / "how-to" / "notifications.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
NAMES = ("report.sh", "slack.sh", "sns.sh", "email.sh")
RUN: dict[str, Any] = {
    "run_id": "01a203db-637b-756e-902c-d5b414b59a59",
    "status": "partial",
    "targets": {"total": 8, "covered": 6, "failed": 2, "by_outcome": {"collected": 6, "role_denied": 2}},
    "jobs": {"seen": 12, "appeared": 1, "updated": 1, "disappeared": 0, "reappeared": 0},
    "gaps": [
        {"account_id": "222233334444", "region": region, "outcome": "role_denied", "error_message": "<b>no</b>"}
        for region in ("eu-west-1", "us-east-1")
    ],
}
WHERE = {"account_id": "111122223333", "account_name": "retail-prod", "job_id": "9"}
CHANGES: list[dict[str, Any]] = [
    WHERE | {"region": "eu-west-1", "job_name": "quarterly-audit", "change": "appeared", "field": ""},
    WHERE
    | {"region": "us-east-1", "job_name": "nightly", "change": "updated", "field": "job_status"}
    | {"old_value": "RUNNING", "new_value": "USER_PAUSED"},
]
MESSAGE = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)

pytestmark = [
    pytest.mark.skipif(shutil.which("jq") is None, reason="the recipes need jq"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="the recipes need curl"),
]


class Recipes:
    """Runs recipes with a program that prints what the test says, or with the real one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()

    def pretend(self, code: int, summary: object, changes: object = ()) -> None:
        """Let `macie-inventory` print these and end with this exit code."""
        for name, value in (
            ("collect", summary),
            ("changes", list(changes) if isinstance(changes, tuple) else changes),
        ):
            (self.folder / name).write_text(
                "" if value is None else json.dumps(value, indent=2 if value else None) + "\n"
            )
        self.install(
            f'#!/bin/sh\necho "$@" >> "{self.folder}/calls"\ncat "{self.folder}/$1"\n[ "$1" != collect ] || exit {code}\n'
        )

    def install(self, text: str) -> None:
        """Put a program of this name before all others."""
        program = self.bin / "macie-inventory"
        program.write_text(text)
        program.chmod(0o755)

    def run(self, name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a recipe to its end."""
        path = os.pathsep.join([str(self.bin), str(SCRIPTS), os.environ["PATH"]])
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MACIE_"))}
        return run("/bin/sh", RECIPES / name, *arguments, env=clean | environment | {"PATH": path}, cwd=self.folder)


@pytest.fixture
def recipes(tmp_path: Path) -> Recipes:
    """Give the recipes, with a pretended partial run and two changes."""
    made = Recipes(tmp_path)
    made.pretend(3, RUN, CHANGES)
    return made


@pytest.mark.parametrize(("name", "block"), list(zip(NAMES, BLOCKS, strict=True)))
def test_the_page_shows_the_recipes_as_they_are(name: str, block: str) -> None:
    """What the page shows is what lies in config/notifications."""
    assert (RECIPES / name).read_text() == block


def test_shellcheck_is_content() -> None:
    """ShellCheck has nothing to say about the recipes."""
    result = run(SCRIPTS / "shellcheck", *sorted(RECIPES.glob("*.sh")))
    assert (result.returncode, result.stdout) == (0, "")


def test_the_message_is_the_pages(recipes: Recipes) -> None:
    """A partial run with changes gives the message that the page shows, and its exit code."""
    assert MESSAGE
    result = recipes.run("report.sh", "--ou", "/Root/Prod")
    assert (result.returncode, result.stdout, result.stderr) == (3, MESSAGE[1], "")
    calls = (recipes.folder / "calls").read_text().splitlines()
    assert calls == ["collect --format json --ou /Root/Prod", "changes --format json"]


def test_nothing_to_tell_is_nothing_told(recipes: Recipes) -> None:
    """A complete run without changes prints nothing and posts nothing."""
    recipes.pretend(0, RUN | {"status": "complete", "gaps": []}, [])
    with http_endpoint() as (url, received):
        result = recipes.run("slack.sh", SLACK_WEBHOOK_URL=url)
    assert (result.returncode, result.stdout, result.stderr, received) == (0, "", "", [])


def test_a_change_in_a_complete_run_is_told(recipes: Recipes) -> None:
    """A complete run in which jobs changed is worth a message."""
    recipes.pretend(0, RUN | {"status": "complete", "gaps": []}, CHANGES[:1])
    result = recipes.run("report.sh")
    assert result.returncode == 0
    assert result.stdout.startswith("macie-inventory: complete, ")
    assert result.stdout.endswith("appeared retail-prod eu-west-1 quarterly-audit\n")


@pytest.mark.parametrize("code", [1, 2])
def test_a_run_that_never_began_is_told(recipes: Recipes, code: int) -> None:
    """No output of the program is itself the news."""
    recipes.pretend(code, None)
    result = recipes.run("report.sh")
    assert result.returncode == code
    assert result.stdout == f"macie-inventory: failed with exit code {code} before its first target\n"


def test_many_gaps_and_changes_are_cut_short(recipes: Recipes) -> None:
    """A message stays readable when half of the organization is a gap."""
    gaps = [RUN["gaps"][0] | {"account_id": f"{number:012}"} for number in range(40)]
    recipes.pretend(3, RUN | {"gaps": gaps}, CHANGES * 30)
    lines = recipes.run("report.sh").stdout.splitlines()
    assert len(lines) == 25
    assert lines[2].endswith(" and 35 more")
    assert lines[-1] == "and 40 more: macie-inventory changes"


def test_a_name_cannot_make_lines_or_markup(recipes: Recipes) -> None:
    """Line breaks and Slack's markup in a job's name arrive as text."""
    recipes.pretend(
        0, RUN | {"status": "complete", "gaps": []}, [CHANGES[0] | {"job_name": "x\n<!channel> & \u001b[31m"}]
    )
    with http_endpoint() as (url, received):
        recipes.run("slack.sh", SLACK_WEBHOOK_URL=url)
    ((_, body),) = received
    assert json.loads(body)["text"].endswith("appeared retail-prod eu-west-1 x &lt;!channel&gt; &amp;  [31m")


def test_slack_gets_the_message(recipes: Recipes) -> None:
    """The webhook receives the text as JSON; the exit code stays the run's."""
    assert MESSAGE
    with http_endpoint() as (url, received):
        result = recipes.run("slack.sh", SLACK_WEBHOOK_URL=f"{url}/services/T0/B0/secret")
    assert result.returncode == 3
    ((path, body),) = received
    assert path == "/services/T0/B0/secret"
    assert json.loads(body) == {"text": MESSAGE[1].rstrip("\n").replace(">", "&gt;")}


def test_a_webhook_that_fails_does_not_hide_the_run(recipes: Recipes) -> None:
    """When Slack refuses, that is said on stderr, without the secret address, and the exit code stays the run's."""
    with http_endpoint(status=500) as (url, _):
        result = recipes.run("slack.sh", SLACK_WEBHOOK_URL=f"{url}/services/T0/B0/secret")
    assert result.returncode == 3
    assert "slack was not told" in result.stderr
    assert "secret" not in result.stderr


@pytest.mark.skipif(
    not (SCRIPTS / "aws").exists() and shutil.which("aws") is None, reason="the AWS CLI is not installed"
)
def test_sns_gets_the_message(recipes: Recipes) -> None:
    """The topic receives the text under a subject with the exit code."""
    assert MESSAGE
    answer = (
        b'<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId>'
        b"</PublishResult></PublishResponse>"
    )
    topic = "arn:aws:sns:eu-central-1:111122223333:security"
    with http_endpoint(answer=answer) as (url, received):
        aws = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "B", "AWS_REGION": "eu-central-1"}
        nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        result = recipes.run(
            "sns.sh", SNS_TOPIC_ARN=topic, AWS_ENDPOINT_URL_SNS=url, **aws, **nowhere, AWS_DEFAULT_REGION="eu-central-1"
        )
    assert (result.returncode, result.stderr) == (3, "")
    ((_, body),) = received
    fields = parse_qs(body.decode())
    assert fields["TopicArn"] == [topic]
    assert fields["Subject"] == ["macie-inventory: exit code 3"]
    assert fields["Message"] == [MESSAGE[1].rstrip("\n")]


def test_a_mail_carries_the_message(recipes: Recipes) -> None:
    """The server receives a mail with the text as its body."""
    assert MESSAGE
    with smtp_endpoint() as (url, received):
        environment = {"SMTP_URL": url, "MAIL_FROM": "inventory@example.com", "MAIL_TO": "security@example.com"}
        result = recipes.run("email.sh", **environment, HOME=str(recipes.folder))
    assert (result.returncode, result.stderr) == (3, "")
    ((sender, recipient, text),) = received
    assert (sender, recipient) == ("<inventory@example.com>", "<security@example.com>")
    mail = Parser().parsestr(text.replace("\r\n", "\n"))
    assert (mail["To"], mail["Subject"]) == ("security@example.com", "macie-inventory: exit code 3")
    assert mail.get_payload() == MESSAGE[1]


def test_the_real_program_gives_what_the_recipes_read(tmp_path: Path) -> None:
    """With the real program: gaps and new jobs are told once, and a complete run after them is silent."""
    recipes = Recipes(tmp_path)
    recipes.install(f'#!/bin/sh\nexec {sys.executable} -m macie_inventory "$@"\n')
    world = generate_world(accounts=3, regions=2, jobs=1, seed=4)
    gone = FaultPlan(conditions=(Condition(kind=ConditionKind.ROLE_MISSING, count=1),))
    settings = {"MACIE_INVENTORY_ORGANIZATIONAL_UNITS": "false", "MACIE_INVENTORY_REGION": ",".join(world.regions)}
    with running(world, faults=gone) as simulator:
        first = recipes.run("report.sh", **simulator.environment(), **settings)
        simulator.reset(world=generate_world(accounts=3, regions=2, jobs=1, seed=4), faults=FaultPlan())
        second = recipes.run("report.sh", **simulator.environment(), **settings)
        third = recipes.run("report.sh", **simulator.environment(), **settings)
    assert first.returncode == 3, first.stderr
    assert first.stdout.startswith("macie-inventory: partial, 4 of 6 targets covered\n4 jobs seen: 4 appeared, ")
    assert "\n2 x role_denied: " in first.stdout
    assert len(re.findall(r"^appeared ", first.stdout, re.MULTILINE)) == 4
    assert second.returncode == 0, second.stderr
    assert len(re.findall(r"^appeared ", second.stdout, re.MULTILINE)) == 2
    assert (third.returncode, third.stdout) == (0, ""), third.stderr
