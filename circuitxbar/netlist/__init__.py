"""Circuits as SPICE text."""
