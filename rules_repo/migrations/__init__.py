"""How the schema came to be: one file per step, never edited once released."""
