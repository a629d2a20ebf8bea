from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def torchrun_node(port: int) -> list[str]:
    """The command of one machine of two; the rendezvous is on this one."""
    endpoint = f"127.0.0.1:{port}"
    agent = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    return [*agent, "--rdzv-backend", "c10d", "--rdzv-endpoint", endpoint, "--rdzv-id", "1", "--max-restarts", "1"]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_two_machines_of_which_one_loses_its_process_give_the_bytes_of_one_machine(tmp_path, free_port):
    program = HERE / "node_worker.py"
    command = [*torchrun_node(free_port()), program, tmp_path / "two", "kill"]
    nodes = [subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [node.communicate(timeout=200)[1] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], said
    assert (tmp_path / "two.killed").exists()
    assert (tmp_path / "two.starts").read_text() == "0 1 "  # from the epoch before, and without --resume
    one = [sys.executable, HERE / "forked.py", program, tmp_path / "one"]
    subprocess.run(one, check=True, env=ENVIRONMENT, timeout=100)
    for name in ("metrics.csv", "model.safetensors", "spike_health.json", "predictions.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    results = [json.loads((tmp_path / name / "result.json").read_text()) for name in ("one", "two")]
    assert all(result.pop("samples_per_second") > 0 for result in results)
    assert results[0] == results[1]
    assert results[0]["world_size"] == 2
