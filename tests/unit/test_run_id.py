"""Run ids are UUIDs of version 7."""

from __future__ import annotations

import time
import uuid

from macie_inventory.pipeline.run_id import new_run_id


def test_a_run_id_is_a_uuid_of_version_7() -> None:
    """Version and variant stand where RFC 9562 puts them."""
    for _ in range(200):
        parsed = uuid.UUID(new_run_id())
        assert parsed.version == 7
        assert parsed.variant == uuid.RFC_4122


def test_a_run_id_begins_with_the_milliseconds_since_1970() -> None:
    """The first 48 bits are the present moment."""
    before = time.time_ns() // 1_000_000
    run_id = new_run_id()
    after = time.time_ns() // 1_000_000
    assert before <= uuid.UUID(run_id).int >> 80 <= after


def test_run_ids_sort_by_time_as_text() -> None:
    """A later millisecond gives a later text."""
    ids = []
    for _ in range(5):
        ids.append(new_run_id())
        time.sleep(0.002)
    assert ids == sorted(ids)


def test_run_ids_of_one_moment_differ() -> None:
    """Ten thousand ids, many of one millisecond, are ten thousand different ones."""
    assert len({new_run_id() for _ in range(10_000)}) == 10_000
