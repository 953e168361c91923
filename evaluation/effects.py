"""What a policy changed: `did` for staggered adoption, `rdd` for a threshold."""

from __future__ import annotations

from evaluation.did_effects import did
from evaluation.did_result import Aggregate, DidResult
from evaluation.rdd_effects import RddResult, rdd

__all__ = ["Aggregate", "DidResult", "RddResult", "did", "rdd"]
