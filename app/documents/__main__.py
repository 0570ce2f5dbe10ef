"""`python -m app.documents`."""

import sys

from app.documents import main

sys.exit(main())
