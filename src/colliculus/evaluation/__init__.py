"""How good a trained model is, and whether its layers are alive."""
