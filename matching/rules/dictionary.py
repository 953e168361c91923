"""Text columns by their distinct words: each row a small code, each word once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

_SHORT = 12
"""Arrow keeps a text of at most this many bytes inside its 16-byte view: its length, the bytes, and zeros behind them."""
_SHORTEST = 7
"""The view of such a text has room for everything in its first half: see `_keys`."""
_THREE_BYTES = np.uint64(0xFFFFFF)
_SLOTS = 1 << 12
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
_SAMPLE = 4096
_STRIP = 8192
_WORTHWHILE = 4096
"""Below this many rows the plain way is as quick."""

Codes = npt.NDArray[np.integer]
Halves = npt.NDArray[np.uint64]


def encode(series: pl.Series) -> tuple[tuple[str, ...], Codes]:
    """The distinct words of a String column and each row's code, of 8 bits where those do; a NULL row has any code.

    There is at least one word, and there may be one that no row has.
    """
    if series.len() >= _WORTHWHILE and (found := _encode_short(series)) is not None:
        return found
    encoded = series.to_arrow().dictionary_encode()
    words = tuple(encoded.dictionary.to_pylist()) or ("",)
    codes = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)
    return words, codes.astype(_narrowest(len(words)), copy=False)


def _narrowest(words: int) -> np.dtype[Any]:
    return np.dtype(np.uint8 if words <= 256 else np.int32)


def _encode_short(series: pl.Series) -> tuple[tuple[str, ...], Codes] | None:
    """The same for columns of few short words, by comparing views instead of texts; None where they are long or many.

    Two equal views are equal texts. Every row is compared with the word its hash led to, so a collision can only make this give up, never
    give a wrong code.
    """
    view = _view(series)
    if view is None:
        return None
    # a view begins with its length, of 32 bits
    longest = int(view.view(np.uint32)[:, 0].max())
    if longest > _SHORT:
        return None
    words = series.head(_SAMPLE).drop_nulls().unique(maintain_order=True)
    if series.null_count():
        # the view of a NULL is mostly zeros, which is the view of the empty text
        words = pl.concat([pl.Series(words.name, [""]), words]).unique(maintain_order=True)
    for _ in range(2):
        if words.is_empty() or words.len() > _SLOTS // 8:
            return None
        found = _looked_up(words, view, folded=longest <= _SHORTEST)
        if found is None:
            return None
        codes, missed = found
        if not missed.size:
            return tuple(words.to_list()), codes
        # words the sample did not show; NULL rows have a view of their own, whatever it holds
        more = series.gather(missed).drop_nulls().unique(maintain_order=True)
        if more.is_empty():
            return tuple(words.to_list()), codes
        words = pl.concat([words, more])
    return None


def _view(series: pl.Series) -> Halves | None:
    """The views of a String column as two 64-bit halves a row; None where Arrow holds it otherwise."""
    array = series.to_arrow(compat_level=pl.CompatLevel.newest())
    if isinstance(array, pa.ChunkedArray) or array.type != pa.string_view():
        return None
    return np.frombuffer(array.buffers()[1], np.uint64).reshape(-1, 2)[array.offset : array.offset + len(array)]


def _keys(view: Halves, *, folded: bool) -> tuple[Halves, ...]:
    """What tells the texts of some views apart: both halves, or one.

    A text of up to seven bytes (`folded`) has its length in the lowest byte of the first half, four bytes in the upper 32 bits, and the
    rest, three bytes at most, at the beginning of the second half: they fit between.
    """
    low, high = view[:, 0], view[:, 1]
    return (low | (high & _THREE_BYTES) << np.uint64(8),) if folded else (low, high)


def _hash(keys: tuple[Halves, ...]) -> npt.NDArray[np.int64]:
    mixed: Halves = keys[0] * _MIX[0]
    if len(keys) > 1:
        mixed += keys[1] * _MIX[1]
    mixed >>= np.uint64(52)
    return mixed.view(np.int64)


def _looked_up(words: pl.Series, view: Halves, *, folded: bool) -> tuple[Codes, npt.NDArray[np.int64]] | None:
    """Each row's code and the rows that are none of the words; None if two words share a slot."""
    word_view = _view(words)
    if word_view is None:
        return None
    word_keys = _keys(word_view, folded=folded)
    at = _hash(word_keys)
    if np.unique(at).size != at.size:
        return None
    code_at = np.zeros(_SLOTS, _narrowest(words.len()))
    code_at[at] = np.arange(words.len())
    # an empty slot holds the first word, which no row that leads there can be
    keys_at = [np.full(_SLOTS, key[0]) for key in word_keys]
    for slots, key in zip(keys_at, word_keys, strict=True):
        slots[at] = key
    codes = np.empty_like(code_at, shape=len(view))
    missed: list[npt.NDArray[np.int64]] = []
    # strip by strip: what is computed on the way stays in the cache
    for start in range(0, len(view), _STRIP):
        keys = _keys(view[start : start + _STRIP], folded=folded)
        slot = _hash(keys)
        code_at.take(slot, out=codes[start : start + _STRIP])
        for slots, key in zip(keys_at, keys, strict=True):
            wrong = np.flatnonzero(slots.take(slot) != key)
            if wrong.size:
                missed.append(wrong + start)
    return codes, np.unique(np.concatenate(missed)) if missed else np.zeros(0, np.int64)
