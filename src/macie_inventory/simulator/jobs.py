"""The classification jobs of a world: immutable items, made when they are first asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from functools import lru_cache
from typing import NoReturn

Target = tuple[str, str]
"""An account id and a region."""

Source = Callable[[str, str], Iterable[Mapping[str, object]]]
"""Makes the jobs of one account and region; has to give equal jobs whenever it is asked again."""


class Job(dict[str, object]):
    """One job exactly as `ListClassificationJobs` serves it, unknown fields included.

    A dictionary that refuses changes, so that it is serialised once however often it is served; `changed`
    makes another one. (Nested lists and dictionaries are shared, not copied: leave them as they are.)
    """

    __slots__ = ("_body",)
    _body: bytes

    @property
    def body(self) -> bytes:
        """The job in JSON (ASCII: everything else is escaped), ready to be put into a page."""
        try:
            return self._body
        except AttributeError:
            self._body = json.dumps(self).encode()
            return self._body

    @property
    def job_id(self) -> str:
        """The job's identifier, empty when it has none."""
        return str(self.get("jobId", ""))

    def changed(self, **fields: object) -> Job:
        """Return a job with some fields replaced; a field given as None is left out."""
        return Job({key: value for key, value in {**self, **fields}.items() if value is not None})

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a job is immutable: use changed() and put the new job into the world")

    __setitem__ = _refuse
    __delitem__ = _refuse
    __ior__ = _refuse
    clear = _refuse
    pop = _refuse
    popitem = _refuse
    setdefault = _refuse
    update = _refuse

    def __reduce__(self) -> tuple[type[Job], tuple[dict[str, object]]]:
        return Job, (dict(self),)


class Jobs(MutableMapping[Target, tuple[Job, ...]]):
    """The jobs of each account and region.

    `known` holds what is fixed. `source` makes the rest on demand for the `targets` named, and only the `keep`
    targets used last stay in memory: an organization of 40,000 targets costs nothing until it is listed.
    Reading gives a tuple; assigning (any iterable of mappings) fixes the target's jobs.
    """

    def __init__(
        self,
        known: Mapping[Target, Iterable[Mapping[str, object]]] | None = None,
        *,
        source: Source | None = None,
        targets: Iterable[Target] = (),
        keep: int = 2048,
    ) -> None:
        self._known = {target: _jobs(jobs) for target, jobs in (known or {}).items()}
        self._targets = set(targets)

        def make(target: Target) -> tuple[Job, ...]:
            return _jobs(source(*target)) if source else ()

        self._made = lru_cache(maxsize=keep)(make)

    def __getitem__(self, target: Target) -> tuple[Job, ...]:
        known = self._known.get(target)
        if known is not None:
            return known
        if target in self._targets:
            return self._made(target)
        raise KeyError(target)

    def __setitem__(self, target: Target, jobs: Iterable[Mapping[str, object]]) -> None:
        self._known[target] = _jobs(jobs)

    def __delitem__(self, target: Target) -> None:
        if target not in self:
            raise KeyError(target)
        self._known.pop(target, None)
        self._targets.discard(target)

    def __contains__(self, target: object) -> bool:
        return target in self._known or target in self._targets

    def __iter__(self) -> Iterator[Target]:
        yield from self._known
        yield from (target for target in sorted(self._targets) if target not in self._known)

    def __len__(self) -> int:
        return len(self._known.keys() | self._targets)


def _jobs(jobs: Iterable[Mapping[str, object]]) -> tuple[Job, ...]:
    return tuple(job if isinstance(job, Job) else Job(job) for job in jobs)
