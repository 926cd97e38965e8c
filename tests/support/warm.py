"""Imported last by the server of `processes`: what every process would do anew is done once before they are forked."""

from __future__ import annotations

import gc

from macie_inventory.aws.transport import open_sessions

__all__: list[str] = []

open_sessions()  # the SDK's loader remembers what it read
gc.collect()
gc.freeze()  # what is there stays; collecting it in every process would copy its memory
