"""Real inputs for tests of more than one package."""
