"""Plotly loads nbformat, that jsonschema, and that a grammar of internationalised addresses, compiled in 2 s.

No notebook's schema asks for such addresses; where the grammar is missing, jsonschema does without it.
"""

import importlib
import sys

GRAMMAR = "rfc3987_syntax"

if GRAMMAR not in sys.modules:
    sys.modules[GRAMMAR] = None  # not to be imported
    try:
        importlib.import_module("nbformat")
    finally:
        del sys.modules[GRAMMAR]
