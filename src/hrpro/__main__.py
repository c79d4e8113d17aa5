"""``python -m hrpro``: the command, where it is not on the path."""

import sys

from hrpro.cli import main

sys.exit(main())
