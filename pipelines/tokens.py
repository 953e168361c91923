"""Who may call the decision service: tokens of callers, of which only a hash is kept, in `keys/tokens.json`."""

import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

PLACE = Path("keys") / "tokens.json"
RATE = 100
"""Requests a second a caller may make unless told otherwise."""
_NAME = re.compile(r"[\w.-]{1,40}")


class TokenError(ValueError):
    """A name that cannot be used, or that nobody has; the message is Chinese."""


@dataclass(frozen=True)
class Caller:
    """A caller's name, the SHA-256 (hex) of its token and its requests per second. A token is 256 random bits: no salt, no slow hash needed."""

    name: str
    sha256: str
    rate: int = RATE


def callers(home: Path) -> tuple[Caller, ...]:
    """Everybody who has a token, by name. Raises TokenError if the file is damaged."""
    place = home / PLACE
    if not place.exists():
        return ()
    try:
        return tuple(Caller(**one) for one in json.loads(place.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise TokenError(f"{place} 已损坏（{error}）；删除后用 `huiqi token add` 重新发放") from error


def owner(token: str, known: tuple[Caller, ...]) -> Caller | None:
    """Whose token this is. Every hash is compared, each in constant time."""
    digest = _digest(token)
    found = None
    for caller in known:
        if hmac.compare_digest(caller.sha256, digest):
            found = caller
    return found


def add(home: Path, name: str, rate: int = RATE) -> str:
    """Gives `name` a token and returns it: the only time it can be read. Raises TokenError."""
    if not _NAME.fullmatch(name):
        raise TokenError(f"名称“{name}”应为 1–40 个字母、汉字、数字、点、横线或下划线")
    if rate < 1:
        raise TokenError("每秒请求数至少为 1")
    token = f"hq_{secrets.token_urlsafe(32)}"
    with _locked(home):
        known = callers(home)
        if any(caller.name == name for caller in known):
            raise TokenError(f"“{name}”已有令牌；先用 `huiqi token remove {name}` 收回")
        _write(home, (*known, Caller(name, _digest(token), rate)))
    return token


def remove(home: Path, name: str) -> None:
    """Takes a token back; running services notice at the next request. Raises TokenError if there is none."""
    with _locked(home):
        known = callers(home)
        left = tuple(caller for caller in known if caller.name != name)
        if len(left) == len(known):
            raise TokenError(f"没有名为“{name}”的令牌")
        _write(home, left)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    folder = (home / PLACE).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder / "tokens.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(home: Path, known: tuple[Caller, ...]) -> None:
    place = home / PLACE
    fresh = place.with_suffix(".partial")
    text = json.dumps([asdict(c) for c in sorted(known, key=lambda c: c.name)], ensure_ascii=False, indent=1)
    handle = os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(place)
