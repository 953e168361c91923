"""Text columns by their distinct words: each row a small code, each word once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

_SHORT = 12
"""Arrow keeps a text of at most this many bytes inside its 16-byte view."""
_SLOTS = 1 << 12
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
_SAMPLE = 4096
_STRIP = 8192
_WORTHWHILE = 4096
"""Below this many rows the plain way is as quick."""

Codes = npt.NDArray[np.int32]
Halves = npt.NDArray[np.uint64]


def encode(series: pl.Series) -> tuple[tuple[str, ...], Codes]:
    """The distinct words of a String column and each row's code; a NULL row has any code. There is at least one word."""
    if series.len() >= _WORTHWHILE and (found := _encode_short(series)) is not None:
        return found
    encoded = series.to_arrow().dictionary_encode()
    codes = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)
    return tuple(encoded.dictionary.to_pylist()) or ("",), codes.astype(np.int32, copy=False)


def _encode_short(series: pl.Series) -> tuple[tuple[str, ...], Codes] | None:
    """The same for columns of few short words, by comparing views instead of texts; None where they are long or many.

    A view is the length, the bytes and zeros: two equal views are equal texts. Every row is compared with the word its hash led to, so
    a collision can only make this give up, never give a wrong code.
    """
    views = _views(series)
    if views is None:
        return None
    low, high = views
    words = series.head(_SAMPLE).drop_nulls().unique(maintain_order=True)
    for _ in range(2):
        if words.is_empty() or words.len() > _SLOTS // 8:
            return None
        codes = _looked_up(words, low, high)
        if codes is None:
            return None
        missed = codes[1]
        if not missed.size:
            return tuple(words.to_list()), codes[0]
        # words the sample did not show; NULL rows have a view of their own, whatever it holds
        more = series.gather(missed).drop_nulls().unique(maintain_order=True)
        if more.is_empty():
            return tuple(words.to_list()), codes[0]
        words = pl.concat([words, more])
    return None


def _views(series: pl.Series) -> tuple[Halves, Halves] | None:
    array = series.to_arrow(compat_level=pl.CompatLevel.newest())
    if isinstance(array, pa.ChunkedArray) or array.type != pa.string_view():
        return None
    both = np.frombuffer(array.buffers()[1], np.uint64).reshape(-1, 2)[array.offset : array.offset + len(array)]
    low, high = both[:, 0], both[:, 1]
    lengths = low & np.uint64(0xFFFFFFFF)
    return (low, high) if int(lengths.max()) <= _SHORT else None


def _hash(low: Halves, high: Halves) -> npt.NDArray[np.int64]:
    mixed: Halves = (low * _MIX[0] + high * _MIX[1]) >> np.uint64(52)
    return mixed.view(np.int64)


def _looked_up(words: pl.Series, low: Halves, high: Halves) -> tuple[Codes, npt.NDArray[np.int64]] | None:
    """Each row's code and the rows that are none of the words; None if two words share a slot."""
    halves = _views(words)
    if halves is None:
        return None
    word_low, word_high = np.ascontiguousarray(halves[0]), np.ascontiguousarray(halves[1])
    at = _hash(word_low, word_high)
    if np.unique(at).size != at.size:
        return None
    table = np.zeros(_SLOTS, np.int32)
    table[at] = np.arange(words.len(), dtype=np.int32)
    codes = np.empty(low.size, np.int32)
    missed: list[npt.NDArray[np.int64]] = []
    # strip by strip: what is computed on the way stays in the cache
    for start in range(0, low.size, _STRIP):
        rows = slice(start, start + _STRIP)
        here_low, here_high = low[rows], high[rows]
        found = table.take(_hash(here_low, here_high))
        wrong = word_low.take(found) != here_low
        wrong |= word_high.take(found) != here_high
        codes[rows] = found
        if wrong.any():
            missed.append(np.flatnonzero(wrong) + start)
    return codes, np.concatenate(missed) if missed else np.zeros(0, np.int64)
