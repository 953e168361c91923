"""The pages analysts and leaders open; they read the published mart only."""
