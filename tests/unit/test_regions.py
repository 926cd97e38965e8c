"""Which regions there are, which have Macie, and what a user may name."""

from __future__ import annotations

import aioboto3
import pytest

from macie_inventory.aws.regions import RegionCatalogue, read_regions
from macie_inventory.errors import UsageError
from macie_inventory.outcome import OPT_IN_REGIONS, always_on

CATALOGUE = RegionCatalogue(
    partition="aws",
    known=("ap-southeast-4", "eu-west-1", "us-east-1"),
    with_macie=("eu-west-1", "us-east-1"),
    elsewhere=frozenset({"cn-north-1"}),
)


def test_a_region_with_macie_is_visited_without_a_word() -> None:
    """Nothing is to be said about the usual case."""
    assert CATALOGUE.check("eu-west-1") is None


@pytest.mark.parametrize(
    ("region", "part"),
    [
        ("ap-southeast-4", "has no Macie as far as the SDK knows; it is visited because it was named"),
        ("eu-west-9", "is not known to the SDK; it is visited because it was named; did you mean eu-west-1?"),
        ("mx-central-1", "is not known to the SDK; it is visited because it was named"),
    ],
)
def test_a_region_of_the_future_is_visited_with_a_warning(region: str, part: str) -> None:
    """AWS opens regions faster than SDKs are updated."""
    warning = CATALOGUE.check(region)
    assert warning is not None
    assert region in warning
    assert part in warning


@pytest.mark.parametrize(
    ("region", "part"),
    [
        ("cn-north-1", "it is not in partition aws, where the credentials are valid"),
        ("eu-wset-1", "'eu-wset-1' is no region; did you mean eu-west-1?"),
        ("europe", "'europe' is no region"),
        ("", "'' is no region"),
        ("EU-WEST-1", "'EU-WEST-1' is no region"),
        ("us-east-1a", "'us-east-1a' is no region; did you mean us-east-1?"),
    ],
)
@pytest.mark.parametrize("option", ["--region", "--exclude-region"])
def test_what_cannot_be_a_region_is_refused(region: str, part: str, option: str) -> None:
    """A slip of the pen would otherwise be an unreachable region, or exclude nothing."""
    with pytest.raises(UsageError) as caught:
        CATALOGUE.check(region, option)
    assert str(caught.value).startswith(f"{option} ")
    assert part in str(caught.value)


@pytest.mark.anyio
async def test_the_metadata_lists_the_regions_of_macie() -> None:
    """All 22 of them are in partition aws, always on or opted in to, and other partitions are told apart."""
    catalogue = await read_regions(aioboto3.Session(), "aws")
    assert len(catalogue.with_macie) >= 22
    assert set(catalogue.with_macie) <= set(catalogue.known)
    assert set(catalogue.with_macie) >= OPT_IN_REGIONS
    assert sum(always_on(region) for region in catalogue.with_macie) == 17
    assert "cn-north-1" in catalogue.elsewhere
    assert not catalogue.elsewhere & set(catalogue.known)
    for region in (*catalogue.known, *catalogue.elsewhere):
        if region in catalogue.known:
            catalogue.check(region)
        else:
            with pytest.raises(UsageError, match="it is not in partition aws"):
                catalogue.check(region)


@pytest.mark.anyio
@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov", "aws-of-the-future"])
async def test_other_partitions_have_no_macie(partition: str) -> None:
    """The user has to name regions there; a partition that the SDK does not know has no regions at all."""
    catalogue = await read_regions(aioboto3.Session(), partition)
    assert catalogue.with_macie == ()
    assert bool(catalogue.known) == (partition != "aws-of-the-future")
    assert "eu-west-1" in catalogue.elsewhere
