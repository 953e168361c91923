"""The mock world's own program: make, serve, truth, report, advance."""

from __future__ import annotations

import sys

from data.world.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
