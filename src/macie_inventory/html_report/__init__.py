"""The inventory as one self-contained HTML file, for people who would rather look."""

from macie_inventory.html_report.write import write_report

__all__ = ["write_report"]
