"""One tiny world for all tests of the mock world."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def home(made_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny world, seed 7, 24 months. Links: a test that writes here replaces a file, it does not change one."""
    out = tmp_path_factory.mktemp("world")
    shutil.copytree(made_world, out, dirs_exist_ok=True, copy_function=os.link)
    return out
