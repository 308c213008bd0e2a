"""What a draft, another weight or another day would change: decided over what a run staged, before it counts."""
