"""What an entity is before anything is known of it: its kind, its number, and how a chunk of entities keeps what was computed for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Self, TypeVar, cast, overload

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.world.streams import Ints, Streams

INDIVIDUAL, LLC, FOREIGN, COOP, COLLECTIVE, SOLE = range(6)
KINDS = ("individual", "llc", "foreign", "coop", "collective", "sole")
# Ids beyond the largest world are born in the 24 months after 2024-12, so that a world that goes on has new entities.
NEWBORN = 3_000_000
NEWBORN_MONTHS = 24
# Names are unique below 3.1 million.
NEWBORN_ROOM = 100_000
_T = TypeVar("_T")
_Array = TypeVar("_Array", bound=NDArray[Any])


class attribute(Generic[_T]):
    """A lasting attribute, one value per entity: computed once for a chunk and sliced for the parts taken from it."""

    def __init__(self, compute: Callable[[Any], _T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, people: None, owner: type) -> attribute[_T]: ...
    @overload
    def __get__(self, people: Chunk, owner: type) -> _T: ...
    def __get__(self, people: Chunk | None, owner: type) -> attribute[_T] | _T:
        if people is None:
            return self
        values = (
            self._compute(people) if people.whole is None else _rows(getattr(people.whole, self._name), people.places)
        )
        # From here on the instance's own dictionary answers: this is not a data descriptor.
        people.__dict__[self._name] = values
        return values


def _rows(values: _T, places: Ints) -> _T:
    if isinstance(values, pl.Series):
        return cast(_T, values[places])
    return cast(_T, cast(np.ndarray, values)[places])


# What is kept per chunk of values by month (`Population.kept`), in bytes: 16 months of a chunk of 250,000.
_KEPT_BYTES = 32 << 20
_WORTH_THE_WHOLE = 20_000


@dataclass(frozen=True)
class Chunk:
    """Arrays of one value per entity for the ids of a chunk. Months count from 1990-01, days from 1970-01-01."""

    streams: Streams
    ids: Ints
    # Of a part: the chunk it was taken from, and where in it.
    whole: Self | None = None
    places: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, keep: Ints) -> Self:
        """The entities at these positions; what is computed for one part is computed for the chunk, once."""
        places = keep if self.whole is None else self.places[keep]
        return type(self)(self.streams, self.ids[keep], self.whole or self, places)

    def kept(self, key: str, compute: Callable[[Self], _Array]) -> _Array:
        """Values computed once for the chunk while room lasts (the longest unused make room), sliced for its parts.

        A part that is small beside its chunk is computed alone where the chunk's values are not at hand.
        """
        whole = self.whole or self
        held: dict[str, _Array] = whole.__dict__.setdefault("_kept", {})
        if key in held:
            held[key] = held.pop(key)
        else:
            if len(whole) > _WORTH_THE_WHOLE and 8 * len(self) < len(whole):
                return compute(self)
            values = compute(whole)
            values.setflags(write=False)
            while held and (len(held) + 1) * values.nbytes > _KEPT_BYTES:
                held.pop(next(iter(held)))
            held[key] = values
        return held[key] if self.whole is None else cast(_Array, held[key][self.places])
