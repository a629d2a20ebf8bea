"""Export: trained models in the forms other programs read."""
