"""What is kept: the assets, one module per DuckDB schema."""
