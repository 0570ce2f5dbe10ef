"""Numbers that look random and depend on nothing but their key, so that any quote can be computed on its own.

A counter-based generator (splitmix64) instead of a stream: no state, no order of calls, same value forever.
Source: Steele, Lea, Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
"""

import numpy as np
import numpy.typing as npt

from api_gateway.simulator.exchange.prices import Floats

Words = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def _mix(words: Words) -> Words:
    mixed = words + _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)


def uniforms(*keys: int | npt.NDArray[np.int64]) -> Floats:
    """Values in [0, 1), one per element of the broadcast keys; keys are non-negative integers."""
    words = np.zeros(1, dtype=np.uint64)
    for key in keys:
        words = _mix(words ^ np.atleast_1d(np.asarray(key)).astype(np.uint64))
    return np.asarray((words >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def normals(*keys: int | npt.NDArray[np.int64]) -> Floats:
    """Standard normal values by the Box-Muller transform."""
    radius = np.sqrt(-2.0 * np.log(1.0 - uniforms(*keys, 0)))
    return np.asarray(radius * np.cos(2.0 * np.pi * uniforms(*keys, 1)))


def uniform(*keys: int) -> float:
    return float(uniforms(*keys)[0])
