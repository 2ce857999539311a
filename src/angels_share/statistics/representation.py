"""Displayed statistics of the row *representation*."""
