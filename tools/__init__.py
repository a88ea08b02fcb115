"""The parts of ./dev. Python's standard library only, since a clean machine has nothing else."""
