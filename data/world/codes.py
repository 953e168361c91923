"""Identifiers by their standards: GB 32100 (USCC), GB 11714 (organisation code), GS 15 (registration number), as byte matrices."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from data.world.streams import Ints, permuted

Bytes = NDArray[np.uint8]

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC = np.frombuffer(USCC_ALPHABET.encode(), dtype=np.uint8)
_USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_VALUE31 = np.zeros(128, dtype=np.int64)
_VALUE31[_USCC] = np.arange(31)
_VALUE36 = np.zeros(128, dtype=np.int64)
_VALUE36[np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", dtype=np.uint8)] = np.arange(36)


def digits(values: Ints, width: int) -> Bytes:
    """Zero-padded decimal digits, one row per value."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (values[:, None] // powers % 10 + 48).astype(np.uint8)


def letters(values: Ints, width: int) -> Bytes:
    """Numbers in base 31 with the USCC's characters, one row per value."""
    powers = 31 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    result: Bytes = _USCC[values[:, None] // powers % 31]
    return result


def text(matrix: Bytes) -> pl.Series:
    """A String series from fixed-width ASCII rows, without making Python strings."""
    n, width = matrix.shape
    offsets = np.arange(0, (n + 1) * width, width, dtype=np.int64)
    array = pa.LargeStringArray.from_buffers(
        n, pa.py_buffer(offsets.tobytes()), pa.py_buffer(np.ascontiguousarray(matrix).tobytes())
    )
    return pl.Series(pl.from_arrow(array))


def org_codes(ids: Ints, old: NDArray[np.bool_]) -> Bytes:
    """Nine characters: eight digits before 2015-10 (`old`), `MA` + six since; unique for ids below 10^8."""
    n = len(ids)
    body = np.empty((n, 8), dtype=np.uint8)
    numeric = digits(permuted(ids, 100_000_000, 61_803_399, 20_180_713), 8)
    rank = permuted(ids, 31**6, 548_201_333, 7_654_321)
    lettered = np.empty((n, 8), dtype=np.uint8)
    lettered[:, 0], lettered[:, 1] = ord("M"), ord("A")
    for place in range(7, 1, -1):
        lettered[:, place] = _USCC[rank % 31]
        rank = rank // 31
    body[:] = np.where(old[:, None], numeric, lettered)
    check = (11 - (_VALUE36[body] * np.array(_ORG_WEIGHTS)).sum(axis=1) % 11) % 11
    last = np.where(check == 10, ord("X"), 48 + check).astype(np.uint8)
    return np.concatenate([body, last[:, None]], axis=1)


def usccs(prefix: Bytes, region: Ints, org: Bytes) -> Bytes:
    """Eighteen characters from the two-character class, the first registrar's region and the organisation code."""
    body = np.concatenate([prefix, digits(region, 6), org], axis=1)
    total = (_VALUE31[body] * np.array(_USCC_WEIGHTS)).sum(axis=1)
    check = (31 - total % 31) % 31
    return np.concatenate([body, _USCC[check][:, None]], axis=1)


def regnos(region: Ints, sequence: Ints) -> Bytes:
    """Fifteen digits: registrar, eight-digit sequence, ISO 7064 MOD 11,10."""
    body = np.concatenate([digits(region, 6), digits(sequence, 8)], axis=1)
    state = np.full(len(region), 10, dtype=np.int64)
    for place in range(14):
        state = (state + body[:, place] - 48) % 10
        state = np.where(state == 0, 10, state) * 2 % 11
    check = (11 - state) % 10
    return np.concatenate([body, (48 + check).astype(np.uint8)[:, None]], axis=1)


def patent_numbers(year: Ints, kind: Ints, serial: Ints) -> list[str]:
    """`201710601862.3`: year, kind, seven digits, check by weights 2..9,2..5 modulo 11."""
    weights = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
    numbers = []
    for y, k, s in zip(year.tolist(), kind.tolist(), serial.tolist(), strict=True):
        body = f"{y:04d}{k}{s:07d}"
        rest = sum(int(c) * w for c, w in zip(body, weights, strict=True)) % 11
        numbers.append(f"{body}.{'X' if rest == 10 else rest}")
    return numbers
