"""What the outside world says: contracts, readers, catalogues, policy files, reference tables. Imports nothing of ours."""
