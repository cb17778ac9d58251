"""Runs netlist text in ngspice and brings the numbers back: the outside witness."""
