"""The manual of rule SQL and its examples, written from the lists that the gates read."""
