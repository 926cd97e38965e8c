"""Imported last by the server of `processes`: what every process would do anew is done once before they are forked."""

from __future__ import annotations

import gc
from typing import Any

from macie_inventory.aws import transport

__all__: list[str] = []

MODELS = ("sts", "organizations", "macie2")


def _read_models() -> None:
    """Have the SDK's data read; its loader remembers them."""
    session: Any = transport.full_session()
    loader = session._session.get_component("data_loader")  # noqa: SLF001 - what aioboto3 wraps
    for name in ("endpoints", "partitions", "sdk-default-configuration"):
        loader.load_data(name)
    for service in MODELS:
        loader.load_service_model(service, "service-2")
        loader.load_service_model(service, "endpoint-rule-set-1")


_read_models()
gc.collect()
gc.freeze()  # what is there stays; collecting it in every process would copy its memory
