"""The structured engine for arrays: straight wires that touch only through the cells."""
