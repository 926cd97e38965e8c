"""Renders results.json into README.md, between its markers, and has the picture drawn."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.contest import CONTESTANTS
from benchmarks.goals import goals_table
from benchmarks.results import read_results

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["render", "table"]

README = Path(__file__).parent / "README.md"
_DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_TITLES = {contestant.name: contestant.title for contestant in CONTESTANTS}


def render(results: Mapping[str, Any]) -> None:
    """Write every section that was measured into README.md and draw the picture in a process of its own."""
    text = README.read_text(encoding="utf-8")
    for section, make in _SECTIONS.items():
        if section == "goals" or section in results:
            text = _replace(text, section, make(results))
    README.write_text(text, encoding="utf-8")
    if "side_by_side" in results:
        subprocess.run([sys.executable, "-m", "benchmarks.picture"], check=False, cwd=README.parent.parent)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lay out a Markdown table; every column but the first holds numbers."""
    lines = [" | ".join(head), " | ".join(["---"] + ["--:"] * (len(head) - 1))]
    lines += [" | ".join(str(cell) for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _replace(text: str, section: str, content: str) -> str:
    pattern = re.compile(rf"(<!-- {section} -->\n).*?(<!-- /{section} -->)", re.DOTALL)
    replaced, found = pattern.subn(lambda match: f"{match[1]}{content}\n{match[2]}", text)
    assert found == 1, f"README.md has no place for {section}"
    return replaced


def _side_by_side(results: Mapping[str, Any]) -> str:
    parts = [_measured(results, "side_by_side")]
    for entry in results["side_by_side"].values():
        cell = entry["cell"]
        targets = cell["accounts"] * cell["regions"]
        parts.append(
            f"**{targets:,} targets, {cell['jobs']} jobs each**, concurrency {cell['concurrency']}, "
            f"latency {cell['latency']:g} ms, {'TLS' if cell['tls'] else 'plain HTTP'}, median of {entry['rounds']}"
        )
        head = [
            "",
            "CPU per target",
            "to ours",
            "wall",
            "peak memory",
            "connections",
            "calls per target",
            "database server",
        ]
        parts.append(table(head, list(_rows(entry["costs"], targets))))
    return "\n\n".join(parts)


def _rows(costs: Mapping[str, Mapping[str, float]], targets: int) -> Iterator[list[str]]:
    ours = costs.get("ours")
    for name, cost in costs.items():
        base, _, again = name.partition(" ")
        yield [
            _TITLES[base] + (", again, nothing changed" if again else ""),
            f"{cost['cpu'] / targets * 1000:.2f} ms",
            f"{cost['cpu'] / ours['cpu']:.2f}" if ours else "",
            f"{cost['wall']:.2f} s",
            f"{cost['memory'] / 1e6:.0f} MB",
            f"{cost['connections']:.0f}",
            f"{cost['calls'] / targets:.2f}",
            f"{cost['server_cpu'] / targets * 1000:.2f} ms" if cost["server_cpu"] else "",
        ]


def _scale(results: Mapping[str, Any]) -> str:
    head = [
        "targets",
        "CPU per target",
        "wall",
        "peak memory",
        "again: CPU per target",
        "floor: CPU per target",
        "floor: peak memory",
    ]
    rows = []
    for entry in results["scale"].values():
        targets, costs = entry["targets"], entry["costs"]
        ours, again, floor = costs["ours"], costs["ours again"], costs["floor"]
        rows.append(
            [
                f"{targets:,}",
                f"{ours['cpu'] / targets * 1000:.2f} ms",
                f"{ours['wall']:.1f} s",
                f"{ours['memory'] / 1e6:.0f} MB",
                f"{again['cpu'] / targets * 1000:.2f} ms",
                f"{floor['cpu'] / targets * 1000:.2f} ms",
                f"{floor['memory'] / 1e6:.0f} MB",
            ]
        )
    return f"{_measured(results, 'scale')}\n\n{table(head, rows)}"


def _profile(results: Mapping[str, Any]) -> str:
    section = results["profile"]
    rows = [
        [part["component"], f"{part['microseconds']:.0f} µs", f"{part['share'] * 100:.0f} %", part["largest"]]
        for part in section["components"]
    ]
    rows.append(["**all**", f"**{sum(part['microseconds'] for part in section['components']):.0f} µs**", "", ""])
    return (
        f"{_measured(results, 'profile')}\n\n{table(['component', 'CPU per target', 'share', 'most of it in'], rows)}"
    )


def _startup(results: Mapping[str, Any]) -> str:
    rows = [[f"`{what}`" if what.startswith("-") else what, f"{cpu:.2f} s"] for what, cpu in results["startup"].items()]
    return f"{_measured(results, 'startup')}\n\n{table(['command', 'CPU'], rows)}"


def _upsert(results: Mapping[str, Any]) -> str:
    head = ["", "jobs per CPU second", "CPU per job", "wall per job", "database server", "peak memory"]
    rows = [
        [
            f"{_DATABASES[one['database']]}: {one['contestant']}, {one['phase']}",
            f"{one['rate']:,.0f}",
            f"{one['cpu'] / one['jobs'] * 1e6:.1f} µs",
            f"{one['wall'] / one['jobs'] * 1e6:.1f} µs",
            f"{one['server_cpu'] / one['jobs'] * 1e6:.1f} µs" if one["server_cpu"] else "",
            f"{one['peak_megabytes']:.0f} MB",
        ]
        for one in results["upsert"]
    ]
    jobs = max(one["jobs"] for one in results["upsert"])
    return f"{_measured(results, 'upsert')} {jobs:,} jobs.\n\n{table(head, rows)}"


def _measured(results: Mapping[str, Any], section: str) -> str:
    how = results["measured"][section]
    packages = ", ".join(f"{name} {number}" for name, number in how["packages"].items() if number)
    return f"Measured on {how['on']}: {how['machine']}; Python {how['python']}, SQLite {how['sqlite']}, {packages}."


_SECTIONS = {
    "side_by_side": _side_by_side,
    "scale": _scale,
    "profile": _profile,
    "startup": _startup,
    "upsert": _upsert,
    "goals": goals_table,
}


if __name__ == "__main__":
    render(read_results())
