"""Doctor: whether a run could succeed from here, checked without writing anything anywhere."""

from macie_inventory.doctor.check import CHECKS, Check, CheckStatus, checks_as_json, unusable_configuration
from macie_inventory.doctor.examine import SAMPLE, examine

__all__ = ["CHECKS", "SAMPLE", "Check", "CheckStatus", "checks_as_json", "examine", "unusable_configuration"]
