"""What is connected to what: crossbars, circuits, their terminations, solutions and proofs."""
