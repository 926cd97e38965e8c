"""The plan: every account × region exactly once, or excluded with a reason."""

from __future__ import annotations

from collections import Counter
from itertools import groupby, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from macie_inventory.config import Scope
from macie_inventory.errors import UsageError
from macie_inventory.model import Account, Plan, Target
from macie_inventory.plan import WINDOW, Regions, Units, choose_regions, interleave, make_plan

IDS = [f"{number:012d}" for number in range(1, 13)]
REGIONS = ["eu-west-1", "eu-central-1", "us-east-1", "me-south-1"]
KNOWN = [*REGIONS, "ap-southeast-4", "mx-central-1"]
STATES = [None, "ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED", "PENDING_ACTIVATION", "NEW_STATE"]

accounts = st.lists(
    st.builds(
        Account,
        account_id=st.sampled_from(IDS),
        name=st.none() | st.sampled_from(["prod-web", "Prod-DB", "dev"]),
        state=st.sampled_from(STATES),
        tags=st.none() | st.dictionaries(st.sampled_from(["env", "team"]), st.sampled_from(["prod", ""])),
    ),
    unique_by=lambda account: account.account_id,
)


def _some(values: list[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=3).map(tuple)


scopes = st.builds(
    Scope,
    account=_some(IDS),
    exclude_account=_some(IDS),
    account_name=_some(["prod-*", "DEV", "*"]),
    account_tag=_some(["env=prod", "team="]),
    ou=_some(["ou-a", "ou-b"]),
    exclude_ou=_some(["ou-b", "ou-c"]),
    region=_some([*REGIONS, "ap-southeast-4", "xx-new-1"]),
    exclude_region=_some([*REGIONS, "ap-southeast-4"]),
)
units = st.dictionaries(st.sampled_from(IDS), _some(["ou-a", "ou-b", "ou-c"]))


def _plan(found: list[Account], scope: Scope, above: dict[str, tuple[str, ...]] | None = None) -> Plan:
    regions = choose_regions(REGIONS, KNOWN, scope)
    return make_plan(
        found,
        regions,
        scope,
        Units(included=frozenset(scope.ou), excluded=frozenset(scope.exclude_ou), above=above or {}),
    )


@given(accounts, scopes, units)
def test_every_account_and_region_stands_in_the_plan_once(
    found: list[Account], scope: Scope, above: dict[str, tuple[str, ...]]
) -> None:
    """What was found is visited once or excluded with a reason, never both and never neither."""
    try:
        plan = _plan(found, scope, above)
    except UsageError:
        return
    visits = Counter(plan.targets)
    account_exclusions = {exclusion.account_id for exclusion in plan.exclusions if exclusion.account_id}
    region_exclusions = {exclusion.region for exclusion in plan.exclusions if exclusion.region}
    ids = {account.account_id for account in found}
    for account_id, region in product(ids, {*KNOWN, *scope.region}):
        excluded = account_id in account_exclusions or region in region_exclusions
        assert visits[Target(account_id, region)] == (0 if excluded else 1)
    assert {target.account_id for target in plan.targets} == {account.account_id for account in plan.accounts}
    assert all(exclusion.reason for exclusion in plan.exclusions)
    assert len(plan.exclusions) == len(account_exclusions) + len(region_exclusions)


@given(accounts, scopes, units, st.randoms(use_true_random=False))
def test_the_plan_does_not_depend_on_the_order_of_discovery(
    found: list[Account],
    scope: Scope,
    above: dict[str, tuple[str, ...]],
    random: object,
) -> None:
    """The same organization gives the same plan, in whatever order AWS lists it."""
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    try:
        expected = _plan(found, scope, above)
    except UsageError as error:
        with pytest.raises(UsageError) as caught:
            _plan(shuffled, scope, above)
        assert caught.value.args == error.args  # noqa: PT017 - both fail alike
    else:
        assert _plan(shuffled, scope, above) == expected


@settings(max_examples=40)
@given(st.integers(1, 600), st.integers(1, 22))
def test_neither_an_account_nor_a_region_is_visited_in_a_burst(account_count: int, region_count: int) -> None:
    """Each round of a window visits every account once, and its regions as evenly as can be."""
    ids = [f"{number:012d}" for number in range(account_count)]
    regions = [f"region-{number}" for number in range(region_count)]
    targets = list(interleave(ids, regions))
    assert sorted(targets) == sorted(Target(*pair) for pair in product(ids, regions))
    window_size = -(-account_count // -(-account_count // WINDOW))
    position = 0
    for first in range(0, account_count, window_size):
        size = min(window_size, account_count - first)
        for _ in range(region_count):
            visited = targets[position : position + size]
            assert len({target.account_id for target in visited}) == size
            most = Counter(target.region for target in visited).most_common(1)[0][1]
            assert most == -(-size // region_count)
            position += size
    assert position == len(targets)
    if region_count > 1:
        assert max(len(list(run)) for _, run in groupby(targets, key=lambda target: target.region)) <= 2
    if account_count > 1:
        assert max(len(list(run)) for _, run in groupby(targets, key=lambda target: target.account_id)) <= 2


def test_windows_follow_the_order_of_the_tables_keys() -> None:
    """What is visited together stands together in the tables, whatever the order in which accounts were found."""
    ids = [f"{number:012d}" for number in range(3 * WINDOW)]
    shuffled = [*ids[WINDOW:], *ids[:WINDOW]]
    order = [target.account_id for target in interleave(shuffled, ["eu-west-1", "us-east-1"])]
    assert order == [*(2 * ids[:WINDOW]), *(2 * ids[WINDOW : 2 * WINDOW]), *(2 * ids[2 * WINDOW :])]


@pytest.mark.parametrize(
    ("scope", "account", "reason"),
    [
        (Scope(account=(IDS[1],)), Account(account_id=IDS[0]), "filtered by --account"),
        (Scope(exclude_account=(IDS[0],)), Account(account_id=IDS[0]), "filtered by --exclude-account"),
        (Scope(account_name=("prod-*",)), Account(account_id=IDS[0], name="dev"), "filtered by --account-name"),
        (Scope(account_name=("prod-*",)), Account(account_id=IDS[0]), "filtered by --account-name"),
        (
            Scope(account_tag=("env=prod",)),
            Account(account_id=IDS[0], tags={"env": "dev"}),
            "filtered by --account-tag",
        ),
        (Scope(account_tag=("env=prod",)), Account(account_id=IDS[0]), "filtered by --account-tag"),
        (Scope(account_tag=("a=1", "b=2")), Account(account_id=IDS[0], tags={"a": "1"}), "filtered by --account-tag"),
        (Scope(ou=("ou-b",)), Account(account_id=IDS[0]), "filtered by --ou"),
        (Scope(exclude_ou=("ou-a",)), Account(account_id=IDS[0]), "filtered by --exclude-ou"),
        (Scope(), Account(account_id=IDS[0], state="SUSPENDED"), "account is suspended"),
        (Scope(), Account(account_id=IDS[0], state="CLOSED"), "account is closed"),
        (Scope(), Account(account_id=IDS[0], state="PENDING_CLOSURE"), "account is pending closure"),
        (Scope(), Account(account_id=IDS[0], state="PENDING_ACTIVATION"), "account is pending activation"),
    ],
)
def test_exclusions_name_their_reason(scope: Scope, account: Account, reason: str) -> None:
    """An account that is left out says which option or which state did it."""
    other = Account(account_id=IDS[1], name="prod-x", state="ACTIVE", tags={"env": "prod", "a": "1", "b": "2"})
    plan = _plan([account, other], scope, {IDS[0]: ("ou-a", "r-1"), IDS[1]: ("ou-b", "r-1")})
    assert [(exclusion.account_id, exclusion.reason) for exclusion in plan.exclusions if exclusion.account_id] == [
        (IDS[0], reason)
    ]
    assert [account.account_id for account in plan.accounts] == [IDS[1]]


def test_a_unit_means_everything_below_it() -> None:
    """An account counts to each unit above it, and an exclusion inside an included unit wins."""
    found = [Account(account_id=account_id, state="ACTIVE") for account_id in IDS[:3]]
    above = {IDS[0]: ("ou-b", "ou-a", "r-1"), IDS[1]: ("ou-c", "ou-a", "r-1"), IDS[2]: ("r-1",)}
    plan = _plan(found, Scope(ou=("ou-a",), exclude_ou=("ou-c",)), above)
    assert [account.account_id for account in plan.accounts] == [IDS[0]]


def test_names_match_in_any_case() -> None:
    """`prod-*` finds Prod-Web."""
    plan = _plan([Account(account_id=IDS[0], name="Prod-Web", state="ACTIVE")], Scope(account_name=("pROD-*",)))
    assert len(plan.accounts) == 1


def test_an_unknown_state_is_visited_with_a_warning() -> None:
    """A state that the program does not know is no reason to leave an account out; neither is none at all."""
    found = [Account(account_id=IDS[0], state="NEW_STATE"), Account(account_id=IDS[1])]
    plan = _plan(found, Scope())
    assert len(plan.accounts) == 2
    assert [IDS[0] in plan.warnings[0], "NEW_STATE" in plan.warnings[0], IDS[1] in plan.warnings[1]] == [True] * 3
    assert not _plan(found, Scope(discovery="accounts", account=tuple(IDS[:2]))).warnings


def test_an_account_that_was_not_found_is_an_error() -> None:
    """A misspelled id must not end as an empty, complete run."""
    with pytest.raises(UsageError, match=f"--account {IDS[3]}: discovery did not find it"):
        _plan([Account(account_id=IDS[0], state="ACTIVE")], Scope(account=(IDS[0], IDS[3])))


@pytest.mark.parametrize(
    ("found", "scope", "message"),
    [
        ([], Scope(), "no account to visit: nothing was found"),
        ([Account(account_id=IDS[0], state="CLOSED")], Scope(), r"no account to visit: account is closed \(1\)"),
        (
            [Account(account_id=IDS[0], state="ACTIVE"), Account(account_id=IDS[1], state="CLOSED")],
            Scope(exclude_region=tuple(REGIONS)),
            r"no region to visit: filtered by --exclude-region \(4\)",
        ),
    ],
)
def test_a_scope_that_leaves_nothing_is_an_error(found: list[Account], scope: Scope, message: str) -> None:
    """Visiting nothing is never a success, and the message says what left everything out."""
    with pytest.raises(UsageError, match=message):
        _plan(found, scope)


def test_regions_default_to_all_with_macie() -> None:
    """Without `--region` every region with Macie is visited, and the others are excluded with their reason."""
    regions = choose_regions(REGIONS, KNOWN, Scope())
    assert list(regions.visited) == REGIONS
    assert {exclusion.region: exclusion.reason for exclusion in regions.exclusions} == {
        "ap-southeast-4": "region has no Macie",
        "mx-central-1": "region has no Macie",
    }


def test_named_regions_are_visited_whatever_the_metadata_knows() -> None:
    """`--region` wins over the metadata; what it leaves out says so."""
    regions = choose_regions(REGIONS, KNOWN, Scope(region=("ap-southeast-4", "us-east-1", "us-east-1")), ["new"])
    assert list(regions.visited) == ["ap-southeast-4", "us-east-1"]
    assert list(regions.warnings) == ["new"]
    reasons = {exclusion.region: exclusion.reason for exclusion in regions.exclusions}
    assert reasons["eu-west-1"] == "filtered by --region"
    assert reasons["mx-central-1"] == "region has no Macie"


def test_empty_metadata_is_an_error() -> None:
    """A partition without Macie must not end as an empty, complete run."""
    with pytest.raises(UsageError, match="name regions with --region"):
        choose_regions([], [], Scope())
    assert list(choose_regions([], [], Scope(region=("us-iso-east-1",))).visited) == ["us-iso-east-1"]


def test_a_plan_carries_the_warnings_of_its_regions() -> None:
    """What the catalogue warned of reaches the user."""
    regions = Regions(visited=("eu-west-1",), warnings=("region xx-new-1 is not known",))
    plan = make_plan([Account(account_id=IDS[0], state="ACTIVE")], regions, Scope())
    assert plan.warnings == ("region xx-new-1 is not known",)
