"""The goals that the last results are held against, as a table."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["goals_table", "upsert_goals"]

_MB = 1e6

JOBS_PER_CPU_SECOND = {
    ("sqlite", "first"): 12_000,
    ("sqlite", "unchanged"): 40_000,
    ("postgresql", "first"): 6_000,
    ("postgresql", "unchanged"): 40_000,
}
"""What storing has to reach, by database and phase."""

MOST_TO_BARE = 2.5
"""What storing may cost, as a multiple of the bare driver's CPU for the same rows."""


def goals_table(results: Mapping[str, Any]) -> str:
    """Give the table of the goals that the results can tell about."""
    lines = ["| goal | limit | measured | reached |", "| --- | --: | --: | --: |"]
    lines += [
        f"| {name} | {limit} | {value} | {'yes' if good else 'no'} |" for name, limit, value, good in _goals(results)
    ]
    return "\n".join(lines)


def _goals(results: Mapping[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    section = results.get("side_by_side", {})
    for entry in section.values():
        yield from _cost_goals(entry)
    yield from _cross_goals(section)
    yield from _scale_goals(results.get("scale", {}))
    yield from upsert_goals(results.get("upsert", []))
    if "startup" in results:
        cpu = results["startup"]["--help"]
        yield "CPU of `--help`", "0.35 s", f"{cpu:.2f} s", cpu <= 0.35  # noqa: PLR2004 - the goal


def _cost_goals(entry: Mapping[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    cell, costs = entry["cell"], entry["costs"]
    if "ours" not in costs:
        return
    ours, targets = costs["ours"], cell["accounts"] * cell["regions"]
    where = f"{targets:,} targets, {cell['jobs']} jobs, {'TLS' if cell['tls'] else 'plain'}, {cell['latency']:g} ms, width {cell['concurrency']}"
    per_target = ours["cpu"] / targets * 1000
    if cell["jobs"] == 10 and targets >= 4_400:  # noqa: PLR2004 - the goal's
        yield f"CPU per target ({where})", "1.2 ms", f"{per_target:.2f} ms", per_target <= 1.2  # noqa: PLR2004 - the goal
        if "floor" in costs:
            ratio = ours["cpu"] / costs["floor"]["cpu"]
            yield f"CPU to the floor's ({where})", "1.5", f"{ratio:.2f}", ratio <= 1.5  # noqa: PLR2004 - the goal
        ratio = costs["ours again"]["cpu"] / ours["cpu"]
        yield f"CPU of an unchanged run to the first's ({where})", "0.8", f"{ratio:.2f}", ratio <= 0.8  # noqa: PLR2004 - the goal
    for name, limit in _limits(tls=cell["tls"]).items():
        if name in costs and not cell["latency"]:
            ratio = costs[name]["cpu"] / ours["cpu"]
            yield f"CPU of contestant `{name}` to ours ({where})", f"≥ {limit}", f"{ratio:.0f}", ratio >= limit
        if name in costs and cell["latency"] and name != "naive":
            ratio = costs[name]["wall"] / ours["wall"]
            yield f"wall of contestant `{name}` to ours ({where})", "≥ 5", f"{ratio:.1f}", ratio >= 5  # noqa: PLR2004 - the goal
    peak = ours["connections_peak_region"]
    yield f"TCP connections per region ({where})", str(cell["concurrency"]), f"{peak:.0f}", peak <= cell["concurrency"]
    roles = ours["assume_role_calls"]
    yield f"AssumeRole calls ({where})", str(cell["accounts"]), f"{roles:.0f}", roles <= cell["accounts"]


def _cross_goals(section: Mapping[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    """Compare costs per target across sizes: the slow contestants' does not depend on how many targets there are."""
    for tls in (False, True):
        per_target: dict[str, tuple[float, int]] = {}
        for entry in section.values():
            cell = entry["cell"]
            targets = cell["accounts"] * cell["regions"]
            if cell["tls"] == tls and not cell["latency"] and cell["jobs"] == 10 and targets <= 4_400:  # noqa: PLR2004 - the goal's
                for name, cost in entry["costs"].items():
                    if per_target.get(name, (0, 0))[1] < targets:
                        per_target[name] = (cost["cpu"] / targets, targets)
        for name, limit in _limits(tls=tls).items():
            if name in per_target and "ours" in per_target:
                (theirs, their_size), (ours, our_size) = per_target[name], per_target["ours"]
                where = f"{their_size:,} targets to {our_size:,}, {'TLS' if tls else 'plain'}"
                ratio = theirs / ours
                yield (
                    f"CPU per target of contestant `{name}` to ours ({where})",
                    f"≥ {limit}",
                    f"{ratio:.0f}",
                    ratio >= limit,
                )


def _limits(*, tls: bool) -> dict[str, int]:
    return {"naive": 120, "better": 15 if tls else 8, "aio": 25}


def _scale_goals(scale: Mapping[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    by_size = {entry["targets"]: entry["costs"]["ours"] for entry in scale.values()}
    middle, large = by_size.get(4_400), by_size.get(44_000)
    if not (middle and large):
        return
    memory = large["memory"] / _MB
    yield "peak memory, 44,000 targets", "160 MB", f"{memory:.0f} MB", memory <= 160  # noqa: PLR2004 - the goal
    ratio = large["memory"] / middle["memory"]
    yield "peak memory, 44,000 to 4,400 targets", "1.25", f"{ratio:.2f}", ratio <= 1.25  # noqa: PLR2004 - the goal
    ratio = large["cpu"] / 44_000 / (middle["cpu"] / 4_400)
    yield "CPU per target, 44,000 to 4,400 targets", "1.10", f"{ratio:.2f}", ratio <= 1.10  # noqa: PLR2004 - the goal


def upsert_goals(upsert: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str, bool]]:
    """Yield name, limit, value and whether it is reached for what `upsert` measured."""
    per_job: dict[tuple[str, str, str], list[float]] = {}
    for one in upsert:
        per_job.setdefault((one["database"], one["contestant"], one["phase"]), []).append(one["cpu"] / one["jobs"])
    cpu = {key: median(several) for key, several in per_job.items()}
    for (database, phase), limit in JOBS_PER_CPU_SECOND.items():
        ours, bare = cpu.get((database, "ours", phase)), cpu.get((database, "bare driver", phase))
        if ours is not None:
            yield (
                f"jobs stored per CPU second ({database}, {phase})",
                f"≥ {limit:,}",
                f"{1 / ours:,.0f}",
                1 / ours >= limit,
            )
        if ours is not None and bare is not None:
            ratio = ours / bare
            yield (
                f"CPU to the bare driver's ({database}, {phase})",
                f"{MOST_TO_BARE}",
                f"{ratio:.2f}",
                ratio <= MOST_TO_BARE,
            )
