"""Observables and utilities of texts read word by word: windows and whole documents."""
