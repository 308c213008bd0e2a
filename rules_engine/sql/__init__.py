"""Text and tree of a rule: read, held against the allow-list, described. Pure."""
