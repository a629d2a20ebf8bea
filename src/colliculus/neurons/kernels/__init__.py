"""Four kernels of the multi-step neuron with equal results: a loop, blocks in PyTorch, C, and Triton."""
