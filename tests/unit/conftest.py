"""What the tests of the pure core share."""

from __future__ import annotations

from hypothesis import settings

# The same examples in every run: a failure is found again, and nothing fails by chance.
settings.register_profile("steady", derandomize=True, database=None, deadline=None, max_examples=150)
settings.load_profile("steady")
