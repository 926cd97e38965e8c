"""The scope of a run: contradictions, what is stored of it, and the role's ARN."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from macie_inventory.config import SCOPE_LISTS, RoleSettings, Scope
from macie_inventory.errors import UsageError

ID, FILE = ("123456789012",), Path("accounts.csv")

lists = st.lists(st.text(min_size=1, max_size=8), max_size=3).map(tuple)
roles = st.builds(
    RoleSettings,
    role_name=st.text(min_size=1, max_size=8),
    external_id=st.none() | st.just(SecretStr("the-secret-of-both")),
    session_name=st.text(min_size=2, max_size=8),
    session_duration=st.integers(900, 43200),
    assume_own_account=st.booleans(),
)
scopes = st.builds(
    Scope,
    discovery=st.sampled_from([None, "organization", "accounts", "caller"]),
    accounts_file=st.none() | st.just(FILE),
    role=roles,
    sort=st.just("name DESC"),
    page_size=st.integers(1, 500),
    **dict.fromkeys(SCOPE_LISTS, lists),
)


@given(scopes)
def test_a_scope_survives_the_database(scope: Scope) -> None:
    """What `runs.scope` keeps is JSON without the external id, and gives the same scope to a resumed run."""
    stored = json.dumps(scope.as_json())
    assert "the-secret-of-both" not in stored
    read = Scope.from_json(json.loads(stored), scope.role.external_id)
    assert read.role == scope.role
    assert read.effective_discovery == scope.effective_discovery
    for name in (*SCOPE_LISTS, "accounts_file", "sort", "page_size"):
        assert getattr(read, name) == getattr(scope, name)


@pytest.mark.parametrize(
    "scope",
    [
        Scope(),
        Scope(account=ID, account_name=("a",), account_tag=("a=b",), ou=("ou-a",), exclude_ou=("ou-b",)),
        Scope(accounts_file=FILE),
        Scope(accounts_file=FILE, account=ID, account_name=("prod-*",)),
        Scope(discovery="accounts", account=ID),
        Scope(discovery="accounts", accounts_file=FILE, exclude_account=ID),
        Scope(discovery="caller", region=("eu-west-1",)),
    ],
)
def test_scopes_that_make_sense(scope: Scope) -> None:
    """Restrictions of every kind go together where they can apply."""
    scope.check()


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        (
            Scope(discovery="organization", accounts_file=FILE),
            "--accounts-file does not go with --discovery organization",
        ),
        (Scope(discovery="accounts"), "--discovery accounts needs --account or --accounts-file"),
        (Scope(discovery="accounts", account=ID, ou=("ou-a",)), "--ou does not go with --discovery accounts"),
        (Scope(discovery="accounts", account=ID, account_tag=("a=b",)), "--account-tag does not go"),
        (Scope(accounts_file=FILE, exclude_ou=("ou-a",)), "--exclude-ou does not go with --discovery accounts"),
        (Scope(discovery="accounts", account=ID, account_name=("a",)), "--account-name does not go with"),
        (Scope(discovery="caller", account=ID), "--account does not go with --discovery caller"),
        (Scope(discovery="caller", accounts_file=FILE), "--accounts-file does not go with --discovery caller"),
        (Scope(discovery="caller", exclude_account=ID), "--exclude-account does not go with --discovery caller"),
        (Scope(account=ID, exclude_account=ID), "123456789012 is named by --account and by --exclude-account"),
        (Scope(region=("a", "b"), exclude_region=("b",)), "b is named by --region and by --exclude-region; drop one"),
        (Scope(ou=("/Root",), exclude_ou=("/Root",)), "/Root is named by --ou and by --exclude-ou"),
    ],
)
def test_contradictions_are_named(scope: Scope, message: str) -> None:
    """Options that cannot both be meant end the program before anything is called."""
    with pytest.raises(UsageError) as caught:
        scope.check()
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("role_name", "arn"),
    [
        ("MacieInventoryReader", "arn:aws:iam::123456789012:role/MacieInventoryReader"),
        ("audit/Reader", "arn:aws:iam::123456789012:role/audit/Reader"),
        ("/audit/Reader", "arn:aws:iam::123456789012:role/audit/Reader"),
    ],
)
def test_a_role_may_have_a_path(role_name: str, arn: str) -> None:
    """The path stands in the ARN, with or without a slash before it."""
    assert RoleSettings(role_name=role_name).arn("aws", "123456789012") == arn
