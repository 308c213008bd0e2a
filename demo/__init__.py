"""A small mutual insurer to try the engine on: seeded data, readable rules, three business days."""
