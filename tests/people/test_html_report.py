"""The report in a real browser: what it shows, what it cannot be made to do, and how large it may become."""

from __future__ import annotations

import re
import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from tests.people.inventories import NOW, inventory

from macie_inventory.html_report.write import render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HOSTILE = (
    "</script><script>window.pwned=1</script>",
    "<img src=x onerror='window.pwned=2'>",
    '"><svg onload=window.pwned=3>',
    "<!--<script>",
    "';window.pwned=4;//",
    "{{ 7 * 7 }}{% raw %}",
    "</style><body onload=window.pwned=5>",
    "</title></textarea><iframe srcdoc='<script>parent.pwned=6</script>'>",
    "&lt;b&gt;\u2028\u2029\u202e\ufeff",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the machine's own Chromium."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        yield chromium
        chromium.close()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Show a page; whatever it complains about, and whatever it asks the network for, fails the test."""
    complaints: list[str] = []
    contexts = []

    def open_page(html: str, **options: Any) -> Page:
        file = tmp_path / "report.html"
        file.write_text(html, encoding="utf-8")
        context = browser.new_context(**({"viewport": {"width": 1100, "height": 900}} | options))
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.on(
            "request",
            lambda request: None if request.url == file.as_uri() else complaints.append(f"asks {request.url}"),
        )
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture(scope="module")
def small() -> str:
    """Give the page of 30 accounts and 4 regions."""
    return render(inventory(30, 4, rows=60), now=NOW)


def texts(page: Page, selector: str) -> list[str]:
    """Give the texts of elements."""
    return [text.strip() for text in page.locator(selector).all_text_contents()]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_text(show: Callable[..., Page], text: str) -> None:
    """Whatever a job, an account or an error is called, it is shown as it is and nothing of it runs."""
    page = show(render(inventory(3, 2, rows=30, text=text), now=NOW))
    page.locator("#map canvas").focus()
    page.keyboard.press("ArrowRight")
    page.locator("[data-table=failing] th button").first.click()
    page.locator("[data-table=failing] input").fill(text[:8])
    assert page.evaluate("window.pwned") is None
    assert page.locator("iframe, img, script[src], svg[onload]").count() == 0
    assert page.locator("script").count() == 2
    shown = page.locator("[data-table=failing] tbody tr:first-child td:nth-child(3)").evaluate(
        "cell => cell.textContent"
    )
    assert shown == text
    assert text in page.locator("#map-cell").evaluate("line => line.textContent")
    assert page.locator("[data-table=failing] tbody tr").count() == 25


def test_a_foreign_script_is_refused_even_if_it_got_in(browser: Browser, tmp_path: Path, small: str) -> None:
    """The page's policy lets its own script run and no other, should escaping ever fail."""
    file = tmp_path / "report.html"
    file.write_text(
        small.replace("<main", "<script>window.pwned=1</script><p onclick='window.pwned=2' id=x>x</p><main")
    )
    page = browser.new_page()
    page.goto(file.as_uri())
    page.locator("#x").click()
    assert page.evaluate("window.pwned") is None
    assert page.locator("#map").is_visible()
    page.close()


def test_tables_are_sorted_searched_and_paged(show: Callable[..., Page], small: str) -> None:
    """A click on a heading sorts by its kind, typing searches all rows, and pages lead through them."""
    page = show(small)
    table = page.locator("[data-table=expiring]")
    assert table.locator("[role=status]").text_content() == "1 to 25 of 60"
    heading = table.locator("th").first
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    days = [float(text) for text in texts(page, "[data-table=expiring] tbody td:first-child")]
    assert days == sorted(days, reverse=True)
    assert days[0] == 0.8
    table.get_by_role("button", name="Next").click()
    table.get_by_role("button", name="Next").click()
    assert table.locator("[role=status]").text_content() == "51 to 60 of 60"
    assert table.get_by_role("button", name="Next").is_disabled()
    table.get_by_role("button", name="job", exact=True).click()
    assert texts(page, "[data-table=expiring] tbody td:nth-child(4)")[:3] == ["job-0", "job-1", "job-2"]
    table.locator("input").fill("SCHEDULED job-17")
    assert texts(page, "[data-table=expiring] tbody td:nth-child(4)") == ["job-17"]
    table.locator("input").fill("no such thing")
    assert table.locator("[role=status]").text_content() == "nothing fits"
    assert "The first 60 of 600 rows" in table.locator(".note").text_content()  # type: ignore[operator]


def test_the_map_is_read_by_keyboard_and_pointer(show: Callable[..., Page], small: str) -> None:
    """Arrow keys and the pointer tell a cell's account, region and outcome; Enter lists the account's gaps."""
    page = show(small)
    shown = inventory(30, 4, rows=60)
    outcomes = {(account_id, region): outcome for account_id, region, outcome, _ in shown.targets}
    canvas, said = page.locator("#map canvas"), page.locator("#map-cell")
    canvas.focus()
    for key in ("Home", "ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    text = str(said.text_content())
    assert text.startswith(f"team-0003 000000000003, region-1: {outcomes['000000000003', 'region-1']}")
    page.keyboard.press("End")
    assert "000000000030" in str(said.text_content())
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 118 + 24 * 4.5, box["y"] + box["height"] * 3.5 / 4)
    assert str(said.text_content()).startswith(
        f"team-0005 000000000005, region-3: {outcomes['000000000005', 'region-3']}"
    )
    with_gap = next(
        number for number, gap in enumerate(shown.accounts) if any(g.account_id == gap[0] for g in shown.gaps)
    )
    canvas.focus()
    page.keyboard.press("Home")
    for _ in range(with_gap):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert set(texts(page, "[data-table=gaps] tbody td:first-child")) == {shown.accounts[with_gap][0]}


def test_the_map_has_the_colour_of_each_outcome(show: Callable[..., Page], small: str) -> None:
    """Each cell is painted in the colour that the legend gives its outcome."""
    page = show(small)
    painted = page.evaluate(
        """() => {
          const canvas = document.querySelector("#map canvas"), pen = canvas.getContext("2d");
          const { regions, ids, cells, outcomes } = JSON.parse(document.getElementById("data").textContent).map;
          const style = getComputedStyle(document.documentElement), high = canvas.height / regions.length;
          const { width, height } = canvas, { data } = pen.getImageData(0, 0, width, height);
          const hex = (x, y) => "#" + [...data.slice((y * width + x) * 4, (y * width + x) * 4 + 3)]
            .map((part) => part.toString(16).padStart(2, "0")).join("");
          return ids.flatMap((_, a) => regions.map((_, r) => [
            hex(118 + a * 24 + 2, Math.floor(r * high) + 2),
            style.getPropertyValue("--o-" + outcomes[cells[a * regions.length + r]]).trim()]));
        }"""
    )
    assert len(painted) == 120
    assert [seen for seen, _ in painted] == [expected for _, expected in painted]
    assert len({seen for seen, _ in painted}) > 3


@pytest.mark.parametrize("width", [1100, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(show: Callable[..., Page], scheme: str, width: int) -> None:
    """Axe finds no violation of WCAG 2 A and AA, contrast included; nothing is wider than the window."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    few = render(inventory(8, 6, rows=4), now=NOW)
    page = show(few, color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True)
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    result = axe.Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
    found = [(item["id"], [node["html"] for node in item["nodes"][:3]]) for item in result.response["violations"]]
    assert not found
    assert "color-contrast" in {item["id"] for item in result.response["passes"]}
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_scripts_the_figures_are_there(show: Callable[..., Page], small: str) -> None:
    """With scripts off, figures, charts, causes and the first rows of each table can be read."""
    page = show(small, java_script_enabled=False)
    assert page.locator("[data-table=failing] tbody tr").count() == 25
    assert page.locator(".chart svg").count() == 3
    assert page.locator("#map").is_hidden()
    assert page.locator(".tools").first.is_hidden()
    assert "credentials_expired" in str(page.locator("#gaps").text_content())


def test_on_paper_there_are_no_controls(show: Callable[..., Page], small: str) -> None:
    """Printed, the page has its map, charts and tables, and nothing to click."""
    page = show(small)
    page.emulate_media(media="print")
    assert page.locator("nav, .tools, #map-help").filter(visible=True).count() == 0
    assert page.locator("#map canvas").is_visible()
    assert page.locator("[data-table=failing] tbody tr").count() == 25


def test_charts_have_their_figures(show: Callable[..., Page], small: str) -> None:
    """Bars have a tooltip of their own and a table that says the same; no script of the chart library is left."""
    page = show(small)
    shown = inventory(30, 4, rows=60)
    titles = page.locator("#chart-history title").evaluate_all("all => all.map((one) => one.textContent)")
    last = shown.history[-1]
    assert f"RUNNING: {last.jobs['RUNNING']:,}" in " ".join(titles)
    page.locator("summary", has_text="Jobs by status after each").click()
    row = page.locator("#jobs figure").first.locator("tbody tr").last
    assert row.locator("th").text_content() == "11-22 06:00"
    assert row.locator("td").all_text_contents() == [f"{last.jobs[status]:,}" for status in last.jobs]
    assert "<script" not in "".join(page.locator(".chart").evaluate_all("all => all.map((one) => one.innerHTML)"))


def test_a_large_organization_fits(show: Callable[..., Page]) -> None:
    """2,000 accounts × 22 regions with full tables stay under 6 MB, load within 2 s, and show their worst."""
    html = render(inventory(2000, 22), now=NOW)
    assert len(html.encode()) < 6_000_000
    page = show(html)
    page.wait_for_function("document.querySelector('#map').hidden === false")
    assert page.evaluate("performance.timing.loadEventEnd - performance.timing.navigationStart") < 2000
    page.locator("[data-table=failing] input").fill("team-1999")
    assert page.locator("[data-table=failing] tbody tr").count() == 1


def test_the_chart_library_leaves_imports_alone(small: str) -> None:
    """After a page was made, the import system is as it was: no hook of the chart library stays."""
    assert "<svg" in small
    assert not [hook for hook in sys.meta_path if type(hook).__module__.startswith("pygal")]


def test_everything_is_one_file(small: str) -> None:
    """The file names no address but the XML name spaces of its charts."""
    addresses = set(re.findall(r"(?:https?:)?//[\w.]+[^\s\"'<]*", small))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}, addresses
    assert "@import" not in small
    assert "url(" not in small
