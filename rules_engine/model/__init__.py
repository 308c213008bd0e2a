"""The words of the domain as values: frozen, valid by construction, pure."""
