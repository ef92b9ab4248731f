"""Alerts: what is new and good for a candidate, by mail and as a feed."""
