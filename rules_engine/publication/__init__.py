"""Where decisions go: staged runs, and the insert-only history on PostgreSQL and DynamoDB."""
