"""What a decision is and how one is reached: rules in, explained decisions out."""

__version__ = "0.1.0"
