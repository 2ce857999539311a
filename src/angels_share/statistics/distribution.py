"""Displayed statistics of the row *distribution*."""
