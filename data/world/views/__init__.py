"""What each department sees of the world: one module per department, each a stream of parcels."""
