"""Oracles: engines of others are asked the same questions as ours, and must give the same answers."""
