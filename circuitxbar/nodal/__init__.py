"""General sparse nodal analysis: any circuit of resistances and sources, to the last digits."""
