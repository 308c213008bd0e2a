"""Where rules live and change: tables, migrations, repository, files."""
