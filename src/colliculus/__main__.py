"""`python -m colliculus` is the command line: what `torchrun --nproc-per-node 2 -m colliculus train ...` starts."""

from __future__ import annotations

import sys

from colliculus.cli import main

if __name__ == "__main__":
    sys.exit(main())
