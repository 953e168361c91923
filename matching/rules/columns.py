"""A block of a polars frame as the arrays rules are computed on: exact, NaN and infinities as NULL, list entries as of a day."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from matching.rules.dictionary import encode
from matching.rules.errors import refused
from matching.rules.terms import Column
from matching.rules.values import FITS, Bools, Ints, Lists, Numbers, Texts, Truth, Value, spelled

EPOCH = date(1970, 1, 1)
Plane = npt.NDArray[np.uint64]
_DIGITS_IN_64_BITS = 18
# A double holds every integer up to here; k / 10^s is then the double nearest to it.
EXACT_DOUBLE = 2**53
_FLOAT_PLACES = 9


class Block:
    """Some rows of a frame, converted column by column when first asked for.

    A column the frame does not have is NULL throughout: an indicator nobody delivers is unknown, not an error.
    """

    def __init__(
        self, frame: pl.DataFrame, as_of: date | None = None, encoded: Mapping[str, Texts] | None = None
    ) -> None:
        self.frame = frame
        self.height = frame.height
        self.as_of = as_of
        self._converted: dict[str, Value] = dict(encoded or {})

    def value(self, column: Column) -> Value:
        """The column's values. Raises RuleError if the frame holds another type than the rule was written for."""
        if column.name not in self._converted:
            series = (
                self.frame.get_column(column.name)
                if column.name in self.frame.columns
                else pl.Series(column.name, [None] * self.height, dtype=pl.Null)
            )
            self._converted[column.name] = converted(series, column.type, self.as_of)
        return self._converted[column.name]


@dataclass(frozen=True, slots=True)
class Raw:
    """A column as Arrow holds it, without a copy: integers over `den` (of a truth column, None) and bits of what is known."""

    values: Ints | None
    den: int
    bits: Plane | None
    known: Plane


def raw(series: pl.Series, kind: str, words: int) -> Raw | None:
    """Integers, DECIMALs of up to 18 digits, dates and booleans straight from Arrow's buffers; None for anything else."""
    dtype = series.dtype
    integral = dtype.is_signed_integer() and dtype != pl.Int128
    narrow = isinstance(dtype, pl.Decimal) and dtype.precision <= _DIGITS_IN_64_BITS
    number = kind == "number" and (integral or narrow)
    if not (number or (kind == "date" and dtype == pl.Date) or (kind == "bool" and dtype == pl.Boolean)):
        return None
    array = series.rechunk().to_arrow()
    validity, data = array.buffers()
    known = _bits(validity, array.offset, len(array), words)
    if kind == "bool":
        return Raw(None, 1, _bits(data, array.offset, len(array), words) & known, known)
    if isinstance(dtype, pl.Decimal):
        low = np.frombuffer(data, np.int64)[2 * array.offset : 2 * (array.offset + len(array)) : 2]
        return Raw(low, 10**dtype.scale, None, known)
    width = np.dtype(f"int{8 * (4 if dtype == pl.Date else array.type.bit_width // 8)}")
    return Raw(np.frombuffer(data, width)[array.offset : array.offset + len(array)], 1, None, known)


def _bits(buffer: pa.Buffer | None, offset: int, length: int, words: int) -> Plane:
    """A bitmap of Arrow as a plane of `words`; no bitmap means every row."""
    if buffer is None:
        return packed(np.ones(length, bool), words)
    octets = np.frombuffer(buffer, np.uint8)
    if offset % 8 or length % 8:
        return packed(np.unpackbits(octets, bitorder="little")[offset : offset + length].view(bool), words)
    plane = np.zeros(words * 8, np.uint8)
    plane[: length // 8] = octets[offset // 8 : (offset + length) // 8]
    return plane.view(np.uint64)


def encoded(frame: pl.DataFrame, names: Iterable[str]) -> dict[str, Texts]:
    """Text columns of a whole frame by their words, so that blocks share one dictionary."""
    found: dict[str, Texts] = {}
    for name in names:
        if name in frame.columns and frame.schema[name] != pl.Null:
            found[name] = texts(frame.get_column(name).rechunk())
    return found


def part(whole: Texts, start: int, stop: int) -> Texts:
    return Texts(whole.words, whole.codes[start:stop], None if whole.known is None else whole.known[start:stop])


def converted(series: pl.Series, kind: str, as_of: date | None) -> Value:
    """A series as values of a type of the language. Raises RuleError naming the column when its dtype does not fit."""
    if series.dtype == pl.Null:
        return _nothing(series.len(), kind)
    series = series.rechunk()
    if kind == "number":
        return numbers(series)
    if kind == "text":
        return texts(series)
    if kind == "bool":
        return _truths(series)
    if kind == "date":
        return _dates(series)
    return lists(series, as_of)


def _nothing(height: int, kind: str) -> Value:
    absent = np.zeros(height, bool)
    if kind == "text":
        return Texts(("",), np.zeros(height, np.int32), absent)
    if kind == "bool":
        return Truth(absent, absent)
    if kind == "list":
        return Lists(("",), np.zeros(0, np.int32), np.zeros(0, np.int64), absent)
    return Numbers(np.zeros(height, np.int64), 1, absent)


def _mask(series: pl.Series) -> Bools | None:
    if not series.null_count():
        return None
    # unpacking Arrow's bits takes a tenth of what to_numpy takes
    held = series.is_not_null().to_arrow()
    octets = np.frombuffer(held.buffers()[1], np.uint8)
    return np.unpackbits(octets, count=held.offset + len(held), bitorder="little")[held.offset :].view(bool)


def _mismatch(series: pl.Series, expected: str) -> Exception:
    return refused(None, f"列 {series.name} 应为{expected}，数据里是 {series.dtype}")


def numbers(series: pl.Series) -> Numbers:
    """Integers, decimals, floats or the text of numbers, exactly. A float is the decimal it prints as, so 0.1 is one tenth."""
    kind = series.dtype
    if isinstance(kind, pl.Decimal):
        return _decimals(series, kind.scale)
    if kind in (pl.Float32, pl.Float64):
        return _floats(series)
    if kind in (pl.UInt64, pl.Int128, pl.UInt128):
        return _spelled([None if value is None else Fraction(value) for value in series.to_list()])
    if kind.is_integer():
        return Numbers(series.fill_null(0).to_numpy(), 1, _mask(series))
    if kind == pl.String:
        return _spelled([_parsed(series.name, value) for value in series.to_list()])
    raise _mismatch(series, "数")


def _decimals(series: pl.Series, scale: int) -> Numbers:
    array = series.to_arrow()
    buffer = array.buffers()[1]
    # little-endian 128 bits per value: the low word is the value wherever the high word only repeats its sign
    words = np.frombuffer(buffer, dtype=np.int64)[2 * array.offset : 2 * (array.offset + len(array))]
    low, high = words[0::2], words[1::2]
    mask = _mask(series)
    wide = high != low >> 63
    if mask is not None:
        wide = wide & mask
    if not wide.any():
        return Numbers(np.ascontiguousarray(low), 10**scale, mask)
    exact = [(int(h) << 64) + int(u) for h, u in zip(high.tolist(), low.view(np.uint64).tolist(), strict=True)]
    return Numbers(_objects(exact), 10**scale, mask)


def _floats(series: pl.Series) -> Numbers:
    single = series.dtype == pl.Float32
    values = series.fill_null(float("nan")).to_numpy().astype(np.float64)
    finite = np.isfinite(values)
    plain = np.where(finite, values, 0.0)
    mask = None if finite.all() else finite
    if not single:
        for places in range(_FLOAT_PLACES + 1):
            # an overflow to infinity only fails the test below, as it should
            with np.errstate(over="ignore"):
                scaled = np.rint(plain * 10.0**places)
            if (np.abs(scaled) < EXACT_DOUBLE).all() and (scaled / 10.0**places == plain).all():
                return Numbers(scaled.astype(np.int64), 10**places, mask)
    shown = series.to_numpy() if single else values
    exact = [Fraction(str(value)) if here else None for value, here in zip(shown, finite.tolist(), strict=True)]
    return _spelled(exact)


def _spelled(values: list[Fraction | None]) -> Numbers:
    common = math.lcm(*{value.denominator for value in values if value is not None})
    scaled = [0 if value is None else value.numerator * (common // value.denominator) for value in values]
    known = np.array([value is not None for value in values], dtype=bool)
    fits = all(-FITS <= value <= FITS for value in scaled)
    return Numbers(np.array(scaled, np.int64) if fits else _objects(scaled), common, None if known.all() else known)


def _parsed(name: str, value: str | None) -> Fraction | None:
    if value is None:
        return None
    exact = spelled(value)
    if exact is None:
        raise refused(None, f"列 {name} 应为数，数据里有“{value}”")
    return Fraction(exact) if exact.is_finite() else None


def _objects(values: list[int]) -> Ints:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def texts(series: pl.Series) -> Texts:
    """Texts by their distinct words."""
    if isinstance(series.dtype, pl.Enum):
        codes = series.to_physical().fill_null(0).to_numpy()
        return Texts(tuple(series.dtype.categories.to_list()) or ("",), codes, _mask(series))
    if series.dtype == pl.Categorical:
        # its codes count the words of the whole process
        series = series.cast(pl.String)
    if series.dtype != pl.String:
        raise _mismatch(series, "文字")
    words, codes = encode(series)
    return Texts(words, codes, _mask(series))


def _truths(series: pl.Series) -> Truth:
    if series.dtype != pl.Boolean:
        raise _mismatch(series, "是否（BOOLEAN）")
    return Truth(series.fill_null(False).to_numpy(), (~series).fill_null(False).to_numpy())


def _dates(series: pl.Series) -> Numbers:
    return Numbers(_days(series).to_physical().fill_null(0).to_numpy(), 1, _mask(series))


def _days(series: pl.Series) -> pl.Series:
    """Dates, moments or texts YYYY-MM-DD as dates."""
    if isinstance(series.dtype, pl.Datetime):
        # a cast would take the day in UTC
        return series.dt.date()
    if series.dtype == pl.String:
        # polars alone would also take 2024-1-1 and leading spaces
        written = series.str.contains("^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
        parsed = series.str.to_date("%Y-%m-%d", strict=False)
        wrong = series.filter((parsed.is_null() | ~written) & series.is_not_null())
        if wrong.len():
            raise refused(None, f"列 {series.name} 应为日期 YYYY-MM-DD，数据里有“{wrong[0]}”")
        return parsed
    if series.dtype != pl.Date:
        raise _mismatch(series, "日期")
    return series


def lists(series: pl.Series, as_of: date | None) -> Lists:
    """Entries valid at `as_of`: `valid_from <= as_of <= valid_to`, an absent end being open. Entries without a name are left out."""
    if not isinstance(series.dtype, pl.List):
        raise _mismatch(series, "名单（LIST）")
    known = series.is_not_null().to_numpy()
    sizes = series.list.len().fill_null(0).to_numpy()
    rows = np.repeat(np.arange(series.len(), dtype=np.int64), sizes)
    entries = series.explode(empty_as_null=False, keep_nulls=False)
    keep: Bools
    inner = series.dtype.inner
    if isinstance(inner, pl.Struct):
        fields = entries.struct.unnest() if entries.len() else None
        if fields is None:
            return Lists(("",), np.zeros(0, np.int32), np.zeros(0, np.int64), known)
        if "name" not in fields.columns:
            raise refused(None, f"列 {series.name} 的名单条目应有 name，现有 {'、'.join(fields.columns)}")
        keep = _valid(fields, as_of, series.name)
        names = fields.get_column("name")
    else:
        names = entries
        keep = np.ones(names.len(), bool)
    if names.dtype != pl.Null and not isinstance(names.dtype, pl.String | pl.Categorical | pl.Enum):
        raise refused(None, f"列 {series.name} 的名单条目应为文字，数据里是 {names.dtype}")
    names = names.cast(pl.String)
    keep &= names.is_not_null().to_numpy()
    encoded = texts(names.fill_null(""))
    return Lists(encoded.words, encoded.codes[keep], rows[keep], known)


def _valid(fields: pl.DataFrame, as_of: date | None, name: str) -> Bools:
    keep = np.ones(fields.height, bool)
    if as_of is None:
        return keep
    for end in ("valid_from", "valid_to"):
        if end in fields.columns and fields.schema[end] != pl.Null:
            day = _days(fields.get_column(end).alias(f"{name} 的 {end}"))
            holds = day <= as_of if end == "valid_from" else day >= as_of
            keep &= holds.fill_null(True).to_numpy()
    return keep


def day_number(day: date) -> int:
    return (day - EPOCH).days


def packed(mask: Bools, words: int) -> Plane:
    """Booleans as `words` 64-bit words, bit i of word j being row 64·j + i; missing rows are 0."""
    found = np.packbits(mask, bitorder="little")
    if found.size == words * 8:
        return found.view(np.uint64)
    bits = np.zeros(words * 8, np.uint8)
    bits[: found.size] = found
    return bits.view(np.uint64)
