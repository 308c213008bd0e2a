"""What a rule asks, not how it is run: its conditions and queries taken apart. Pure."""
