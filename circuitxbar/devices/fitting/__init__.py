"""Parameters of a law from measurements: currents by voltage, or conductances by pulses."""
