"""`python -m api_gateway.simulator`."""

import sys

from api_gateway.simulator.command import main

if __name__ == "__main__":
    sys.exit(main())
