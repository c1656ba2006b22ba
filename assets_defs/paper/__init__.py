"""The paper's tables as assets, and the trainings that some of them need."""
