"""The multi-step neuron, computed in four ways that agree: a loop, blocks in PyTorch, C, and Triton."""
