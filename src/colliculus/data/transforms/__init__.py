"""Pure functions from raw sound and pictures to the arrays a model is fed: spectrogram, resize, time, standardise."""
