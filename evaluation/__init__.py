"""What a policy did: metrics, effects, ranking and linkage quality."""
