"""Names of what a run folder holds."""

from __future__ import annotations

RUN_FILE, MODEL_FILE, RESULT_FILE = "run.yaml", "model.safetensors", "result.json"
STATE_FILE = "last/state.pt"
SELECTION_FOLDER = "selection"
"""Folder in a run folder: the first training of a refit, a run folder of its own without a test."""
METRICS_FILE, HEALTH_FILE, CURVES_FOLDER = "metrics.csv", "spike_health.json", "tensorboard"
ONNX_FILE = "model.onnx"
"""The network for onnxruntime, which `colliculus export --to onnx` writes."""
