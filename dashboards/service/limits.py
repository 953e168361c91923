"""Who is calling, and whether they may call now."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipelines.tokens import PLACE, Caller, callers, owner


@dataclass
class Bucket:
    """Tokens left of one caller; refilled at its rate, two seconds' worth at most."""

    rate: int
    left: float
    at: float


class Gate:
    """Knows the tokens of a home, reads them again when the file changes, and counts requests per caller in this process."""

    def __init__(self, home: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._home = home
        self._clock = clock
        self._stamp: tuple[int, ...] | None = None
        self._known: tuple[Caller, ...] = ()
        self._buckets: dict[str, Bucket] = {}

    def caller(self, authorization: str | None) -> Caller | None:
        """Whose bearer token stands in the header. Raises TokenError if the file of tokens is damaged."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return None
        return owner(token.strip(), self._callers())

    def wait(self, caller: Caller, cost: int = 1) -> float:
        """Seconds until the caller may make a request of that cost; 0 means now, and it is counted."""
        now = self._clock()
        most = max(2.0 * caller.rate, cost)
        bucket = self._buckets.get(caller.name)
        if bucket is None or bucket.rate != caller.rate:
            bucket = self._buckets[caller.name] = Bucket(caller.rate, most, now)
        bucket.left = min(max(most, bucket.left), bucket.left + (now - bucket.at) * caller.rate)
        bucket.at = now
        if bucket.left < cost:
            return (cost - bucket.left) / caller.rate
        bucket.left -= cost
        return 0.0

    def _callers(self) -> tuple[Caller, ...]:
        try:
            found = (self._home / PLACE).stat()
            stamp: tuple[int, ...] | None = (found.st_ino, found.st_mtime_ns, found.st_size)
        except OSError:
            stamp = None
        if stamp != self._stamp:
            self._known = callers(self._home)
            self._stamp = stamp
        return self._known
