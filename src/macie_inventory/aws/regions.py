"""Which regions there are, and which of them have Macie, from the metadata that the SDK ships."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from macie_inventory.errors import UsageError

if TYPE_CHECKING:
    import aioboto3

__all__ = ["RegionCatalogue", "check_shape", "read_regions"]

# What AWS has ever called a region: one like it may be newer than the metadata, anything else is a slip of the pen.
_PLAUSIBLE = re.compile(
    r"(us|eu|ap|sa|ca|me|af|il|mx|cn|us-gov|us-iso[a-z]?|eu-isoe|eusc-de)"
    r"-(north|south|east|west|central|northeast|southeast|northwest|southwest)-\d{1,2}"
)


_SHAPE = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d{1,2}")


def check_shape(region: str, option: str) -> None:
    """Raise UsageError when a text cannot be a region, before anybody is asked."""
    if not _SHAPE.fullmatch(region):
        raise UsageError(f"{option} {region!r} is no region: write one like eu-west-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionCatalogue:
    """The regions of one partition: all that the metadata knows, and those with Macie."""

    partition: str
    known: tuple[str, ...]
    with_macie: tuple[str, ...]
    elsewhere: frozenset[str] = frozenset()
    """regions of the other partitions"""

    def check(self, region: str, option: str = "--region") -> str | None:
        """Give a warning about a region that the user named, or None; raises UsageError when it cannot be one."""
        if region in self.with_macie:
            return None
        close = get_close_matches(region, self.with_macie, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        if region in self.elsewhere:
            raise UsageError(
                f"{option} {region}: it is not in partition {self.partition}, where the credentials are valid"
            )
        if region in self.known:
            return f"region {region} has no Macie as far as the SDK knows; it is visited because it was named"
        if not _PLAUSIBLE.fullmatch(region):
            raise UsageError(
                f"{option} {region!r} is no region{hint or '; see `macie-inventory plan` for those there are'}"
            )
        return f"region {region} is not known to the SDK; it is visited because it was named{hint}"


async def read_regions(session: aioboto3.Session, partition: str) -> RegionCatalogue:
    """Read the regions of a partition; raises UsageError when the metadata lists none with Macie and none is named."""
    partitions = session.get_available_partitions()
    known: dict[str, list[str]] = {}
    for name in partitions:
        known[name] = await session.get_available_regions("sts", partition_name=name)
    macie = await session.get_available_regions("macie2", partition_name=partition) if partition in partitions else []
    return RegionCatalogue(
        partition=partition,
        known=tuple(sorted(known.get(partition, []))),
        with_macie=tuple(sorted(macie)),
        elsewhere=frozenset(region for name in partitions if name != partition for region in known[name]),
    )
