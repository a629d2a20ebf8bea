"""An ONNX file without traces of the machine that wrote it: no stack traces, no paths, no unused nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from onnx import ModelProto
from onnx_ir import DataType
from onnx_ir.passes import common as passes
from onnxscript import optimizer
from torch.onnx import ONNXProgram

from colliculus.files.documents import package_version


def _unless_it_widens(node: Any) -> bool | None:
    """False for weights of 8 bits that become float32, which would take four times the space in the file."""
    widens = node.op_type == "Cast" and node.inputs[0] is not None and node.inputs[0].dtype == DataType.INT8
    return False if widens else None


BATCH = "batch"
"""Name of the free axis."""


def lean(program: ONNXProgram, metadata: Mapping[str, str]) -> ModelProto:
    """The model of an export, reduced to what it computes.

    PyTorch writes the stack trace of every operation into the file, with the paths of the program that exported it.

    Args:
        program: PyTorch's export.
        metadata: values to keep in the file, by name.
    """
    model = program.model
    optimizer.fold_constants(model, should_fold=_unless_it_widens)
    for tidy in (
        passes.IdentityEliminationPass(),
        passes.CommonSubexpressionEliminationPass(),
        passes.RemoveUnusedNodesPass(),
        passes.ClearMetadataAndDocStringPass(),
    ):
        tidy(model)
    model.producer_name, model.producer_version = "colliculus", package_version()
    model.metadata_props.update(metadata)
    proto: Any = program.model_proto
    del proto.graph.value_info[:]
    for value in (*proto.graph.input, *proto.graph.output):
        for axis in value.type.tensor_type.shape.dim:
            if axis.HasField("dim_param"):
                axis.dim_param = BATCH
    return proto
