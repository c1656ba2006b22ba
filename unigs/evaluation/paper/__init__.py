"""The tables of the paper's evaluation: what it prints, and the models at hand beside it."""
