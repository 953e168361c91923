"""When, where and for whom it runs: definitions, warehouse, checks, schedules, publication, CLI."""
