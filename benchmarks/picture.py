"""Draws results.svg: CPU per target of every contestant, on a logarithmic scale, plain and over TLS.

Text and lines have a middle grey that stands out from white and from black alike, on no background of their own.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.contest import CONTESTANTS
from benchmarks.results import read_results

if TYPE_CHECKING:
    from collections.abc import Mapping

PICTURE = Path(__file__).parent / "results.svg"
_INK = "#6e7781"
_COLOURS = {"plain HTTP": "#2f81f7", "TLS": "#d0792b"}


def draw(section: Mapping[str, Any]) -> None:
    """Draw the comparisons of the most contestants, without latency, as horizontal bars."""
    import matplotlib as mpl  # noqa: PLC0415 - the benchmark runs without it
    from matplotlib.figure import Figure  # noqa: PLC0415 - the benchmark runs without it

    mpl.rcParams.update(
        {"svg.fonttype": "none", "svg.hashsalt": "macie-inventory", "font.family": "sans-serif", "text.color": _INK}
    )

    entries = [entry for entry in section.values() if not entry["cell"]["latency"] and "naive" in entry["costs"]]
    names = [one for one in CONTESTANTS if any(one.name in entry["costs"] for entry in entries)]
    figure = Figure(figsize=(9, 0.4 + 0.6 * len(names)))
    axes = figure.subplots()
    height = 0.8 / max(1, len(entries))
    for number, entry in enumerate(entries):
        targets = entry["cell"]["accounts"] * entry["cell"]["regions"]
        label = "TLS" if entry["cell"]["tls"] else "plain HTTP"
        values = [entry["costs"].get(one.name, {"cpu": 0})["cpu"] / targets * 1000 for one in names]
        places = [place + (number - (len(entries) - 1) / 2) * height for place in range(len(names))]
        bars = axes.barh(places, values, height=height * 0.92, color=_COLOURS[label], label=label)
        axes.bar_label(bars, labels=[f" {value:.3g} ms" for value in values], color=_INK, fontsize=9)
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), [one.title for one in names])
    axes.invert_yaxis()
    axes.set_xlim(right=axes.get_xlim()[1] * 2.5)
    axes.set_xlabel("CPU per target, ms, logarithmic (start of the program included)", color=_INK)
    axes.tick_params(colors=_INK, which="both")
    for side, spine in axes.spines.items():
        spine.set_color(_INK)
        spine.set_visible(side in {"left", "bottom"})
    axes.legend(frameon=False, labelcolor=_INK, loc="lower right")
    figure.savefig(PICTURE, transparent=True, bbox_inches="tight", metadata={"Date": None, "Creator": None})


def main() -> int:
    """Draw the picture, or say what is missing."""
    try:
        draw(read_results()["side_by_side"])
    except ModuleNotFoundError as error:
        print(f"no picture: {error.name} is not installed (it is in the dependency group `bench`)", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
