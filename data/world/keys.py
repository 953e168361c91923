"""The keyed-hash keys of a mock home: made from the seed, so that two homes of one world give the same results, byte for byte.

A real home makes its own at random at first use; the audit key is never made here.
"""

import os
from hashlib import blake2b
from pathlib import Path


def put_keys(out: Path, seed: int) -> None:
    """Writes `keys/personal.key` (32 bytes) and `keys/holdout.key` (64 hex), mode 0400, where there are none yet."""
    folder = out / "keys"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, as_text in (("personal", False), ("holdout", True)):
        key = blake2b(f"mock {name} {seed}".encode(), digest_size=32)
        try:
            handle = os.open(folder / f"{name}.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        except FileExistsError:
            continue
        with os.fdopen(handle, "wb") as file:
            file.write(key.hexdigest().encode() if as_text else key.digest())
