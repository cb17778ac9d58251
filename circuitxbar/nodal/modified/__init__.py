"""Modified nodal analysis: circuits of any elements, at rest, over time, and in frequency."""
