"""The decision service for portals: JSON over the published copy, under `/v1` of the dashboards' application."""
