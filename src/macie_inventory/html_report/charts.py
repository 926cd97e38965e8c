"""Charts as SVG inside the page: no script, no network, coloured by the page's own variables."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from markupsafe import Markup

from macie_inventory.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["STATUS_COLOURS", "bars", "stacked_bars"]

STATUS_COLOURS = {
    "COMPLETE": "var(--s-complete)",
    "RUNNING": "var(--s-running)",
    "IDLE": "var(--s-idle)",
    "PAUSED": "var(--s-paused)",
    "USER_PAUSED": "var(--s-user-paused)",
    "CANCELLED": "var(--s-cancelled)",
}
OTHER = "var(--s-other)"
_WIDTH = 900
_TALL_BAR = 26


def stacked_bars(
    name: str, labels: Sequence[str], series: Mapping[str, Sequence[int]], *, lying: bool = False
) -> Markup:
    """Draw one stacked bar for each label; `series` are its parts by status; `lying` bars go from left to right."""
    pygal = _pygal()
    height = 110 + _TALL_BAR * len(labels) if lying else 340
    colours = tuple(STATUS_COLOURS.get(status, OTHER) for status in series)
    kind = pygal.HorizontalStackedBar if lying else pygal.StackedBar
    return _drawn(kind, name, height, colours, labels, series, legend_at_bottom_columns=min(6, max(1, len(series))))


def bars(name: str, labels: Sequence[str], values: Sequence[int], title: str) -> Markup:
    """Draw one bar for each label."""
    return _drawn(_pygal().Bar, name, 260, ("var(--s-user-paused)",), labels, {title: values}, show_legend=False)


def _pygal() -> Any:  # noqa: ANN401 - the library has no types
    try:
        import pygal  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise ConfigurationError("the report needs an extra: pip install 'macie-inventory[report]'") from error
    # The library leaves an import hook for its map plug-ins, of a kind that Python warns of at every later import.
    sys.meta_path[:] = [hook for hook in sys.meta_path if type(hook).__module__ != "pygal"]
    return pygal


def _drawn(
    kind: Any,  # noqa: ANN401 - the library has no types
    name: str,
    height: int,
    colours: tuple[str, ...],
    labels: Sequence[str],
    series: Mapping[str, Sequence[int]],
    **options: object,
) -> Markup:
    style = _pygal().style.Style(
        background="transparent",
        plot_background="transparent",
        foreground="var(--text)",
        foreground_strong="var(--text)",
        foreground_subtle="var(--line)",
        opacity="1",
        opacity_hover="0.8",
        transition="0s",
        colors=colours or (OTHER,),
        font_family="inherit",
        label_font_size=13,
        major_label_font_size=13,
        legend_font_size=13,
    )
    chart = kind(
        style=style,
        js=(),
        width=_WIDTH,
        height=height,
        legend_at_bottom=True,
        truncate_legend=-1,
        truncate_label=-1,
        margin=6,
        spacing=8,
        print_values=False,
        no_data_text="nothing yet",
        value_formatter=lambda value: f"{value:,.0f}",
        **options,
    )
    chart.uuid = name
    chart.x_labels = list(labels)
    for title, values in series.items():
        chart.add(title, list(values))
    return _cleaned(chart.render_tree(), list(series))


def _cleaned(svg: ET.Element, titles: Sequence[str]) -> Markup:
    """Take out the library's script, and make a tooltip of what the script would have read."""
    for parent in list(svg.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.endswith("script"):
                parent.remove(child)
    for number, title in enumerate(titles):
        for group in svg.iter():
            if f"serie-{number} " in group.get("class", "") + " ":
                _add_tooltips(group, title)
    return Markup(ET.tostring(svg, encoding="unicode"))  # noqa: S704 - serialised XML, its texts escaped


def _add_tooltips(series: ET.Element, title: str) -> None:
    for bar in series.iter():
        found = {child.get("class"): child for child in bar if str(child.tag).endswith("desc")}
        if not found:
            continue
        value, label = (found[name].text if name in found else "" for name in ("value", "x_label"))
        for child in found.values():
            bar.remove(child)
        ET.SubElement(bar, "title").text = f"{label} {title}: {value}".strip()
