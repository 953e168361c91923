"""The protocol between a run and its child processes: length-prefixed messages of a JSON head and a body of bytes over pipes."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

_LENGTHS = struct.Struct("<QQ")


def send(stream: BinaryIO, head: dict[str, Any], body: bytes | memoryview = b"") -> None:
    """Writes one message: two lengths, a JSON head, a body."""
    text = json.dumps(head, ensure_ascii=False).encode()
    stream.write(_LENGTHS.pack(len(text), len(body)) + text)
    stream.write(body)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """The next message, or None if the other side is gone."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    text, body = _LENGTHS.unpack(lengths)
    head, rest = stream.read(text), stream.read(body)
    if len(head) < text or len(rest) < body:
        return None
    return json.loads(head), rest
