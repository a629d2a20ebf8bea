from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_two_ranks_do_not_drift_apart_and_resume_exactly_with_any_balance():
    done = subprocess.run(
        [
            *(sys.executable, Path(__file__).with_name("forked.py")),
            Path(__file__).with_name("balance_worker.py"),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=110,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "default"},
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
