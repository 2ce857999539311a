"""Displayed statistics of the row *boundary*."""
