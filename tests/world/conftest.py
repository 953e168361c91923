"""One tiny world for all tests of the mock world."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data.world import build


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The tiny world, seed 7, 24 months."""
    out = tmp_path_factory.mktemp("world")
    build.make(out, "tiny", 7, 24)
    yield out
