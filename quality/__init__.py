"""What must be true of delivered data."""
