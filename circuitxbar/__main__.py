"""`python -m circuitxbar`: the command line."""

import sys

from circuitxbar.cli import main

if __name__ == "__main__":
    sys.exit(main())
