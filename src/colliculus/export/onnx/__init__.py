"""ONNX: the whole network as one file that onnxruntime runs on every platform."""
