"""Export: trained models in the forms other programs read. Each form is a target in the table of `targets`."""
