"""Observables and utilities of how answers to several items relate: similarity, invariance, localisation."""
