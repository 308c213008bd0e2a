"""What people touch: the `rules` command."""
