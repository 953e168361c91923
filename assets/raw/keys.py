"""The key personal values are hashed with."""

import os
import secrets
from pathlib import Path


def personal_key(home: Path) -> bytes:
    """The key personal values are hashed with; made once, readable by the owner only."""
    place = home / "keys" / "personal.key"
    if not place.exists():
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = place.with_suffix(".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o400), "wb") as handle:
            handle.write(secrets.token_bytes(32))
        part.replace(place)
    return place.read_bytes()
