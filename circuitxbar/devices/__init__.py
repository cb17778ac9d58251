"""What a cell does: one symbolic law per device gives kernels, slopes and SPICE text."""
