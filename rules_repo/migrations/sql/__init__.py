"""The statements of each step, in the order of their use."""
