"""Counter-based randomness: every value is a function of (seed, stream, entity, step), so chunks and order do not matter.

Transcendental functions come from tables rounded to 12 digits: numpy's vectorised log and exp differ in the last bit
between processors, and one flipped cent would change the bytes of a world.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_PHI = np.uint64(0x9E3779B97F4A7C15)
_STEP = np.uint64(0xD1B54A32D192ED03)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_NORMAL = np.array([round(NormalDist().inv_cdf((k + 0.5) / 65536), 9) for k in range(65536)])
_EXP_BITS = 12
_EXP_STEPS = 1 << _EXP_BITS
_EXP_WHOLE = np.array([float(f"{math.exp(k):.12g}") for k in range(-40, 41)])
_EXP_PART = np.array([float(f"{math.exp(k / _EXP_STEPS):.12g}") for k in range(_EXP_STEPS)])


def exp(x: Floats) -> Floats:
    """e^x on a grid of 1/4096, the same bits on every processor; x outside [-40, 40] is clipped."""
    grid = np.floor(np.clip(x, -39.9, 39.9) * _EXP_STEPS + 0.5).astype(np.int64)
    # Steps are a power of two: a shift and a mask are the quotient and the rest, also below zero.
    result: Floats = _EXP_WHOLE[(grid >> _EXP_BITS) + 40] * _EXP_PART[grid & (_EXP_STEPS - 1)]
    return result


def log(x: float) -> float:
    """ln x rounded to 9 digits (scalars only)."""
    return round(math.log(x), 9)


class Streams:
    """Named random streams of one seed. `ids` are entity numbers, `step` a month, year or ordinal (scalar or array)."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._keys: dict[str, np.uint64] = {}

    def _key(self, stream: str) -> np.uint64:
        if stream not in self._keys:
            digest = hashlib.blake2b(f"{self.seed}\x1f{stream}".encode(), digest_size=8).digest()
            self._keys[stream] = np.uint64(int.from_bytes(digest, "little"))
        return self._keys[stream]

    def bits(self, stream: str, ids: Ints, step: int | Ints = 0) -> NDArray[np.uint64]:
        """64 random bits per id: splitmix64's finaliser over a counter."""
        with np.errstate(over="ignore"):
            z = np.asarray(ids, dtype=np.int64).astype(np.uint64) * _PHI + self._key(stream)
            z = z + np.asarray(step, dtype=np.int64).astype(np.uint64) * _STEP
            z = (z ^ (z >> np.uint64(30))) * _M1
            z = (z ^ (z >> np.uint64(27))) * _M2
            # A second round: with a linear counter in two directions one round leaves visible lattices.
            z = (z ^ (z >> np.uint64(31))) + _PHI
            z = (z ^ (z >> np.uint64(30))) * _M1
            z = (z ^ (z >> np.uint64(27))) * _M2
            return z ^ (z >> np.uint64(31))

    def uniform(self, stream: str, ids: Ints, step: int | Ints = 0) -> Floats:
        """Uniform on [0, 1) with 53 bits."""
        return (self.bits(stream, ids, step) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def normal(self, stream: str, ids: Ints, step: int | Ints = 0) -> Floats:
        """Standard normal from a table of 65,536 quantiles (so |z| < 4.32)."""
        return _NORMAL[(self.bits(stream, ids, step) >> np.uint64(48)).astype(np.int64)]

    def below(self, n: int, stream: str, ids: Ints, step: int | Ints = 0) -> Ints:
        """Integers in [0, n), n < 2^31."""
        return ((self.bits(stream, ids, step) >> np.uint64(32)) * np.uint64(n) >> np.uint64(32)).astype(np.int64)

    def pick(self, weights: Sequence[float], stream: str, ids: Ints, step: int | Ints = 0) -> Ints:
        """Index drawn by weight."""
        edges = np.cumsum(np.asarray(weights, dtype=np.float64))
        edges = np.round(edges / edges[-1], 12)
        return np.searchsorted(edges[:-1], self.uniform(stream, ids, step), side="right").astype(np.int64)

    def chance(self, p: float | Floats, stream: str, ids: Ints, step: int | Ints = 0) -> Bools:
        """True with probability p."""
        result: Bools = self.uniform(stream, ids, step) < p
        return result


def permuted(ids: Ints, modulus: int, multiplier: int, offset: int = 0) -> Ints:
    """A bijection of [0, modulus): id·multiplier + offset mod modulus; multiplier must be coprime to modulus."""
    if math.gcd(multiplier, modulus) != 1:
        raise ValueError(f"{multiplier} 与 {modulus} 不互素")
    return (np.asarray(ids, dtype=np.int64) % modulus * multiplier + offset) % modulus
