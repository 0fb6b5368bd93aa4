"""A fitted model as a graph that runs without torch, its contract, and the proof that it scores the same."""
