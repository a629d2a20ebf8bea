"""Parts for colliculus. Nothing is imported here, so that colliculus and this package may be imported in any order."""
