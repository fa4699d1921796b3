"""The `sitecustomize` of the distribution, for processes that have another PYTHONPATH than the one they were given, or ignore it."""

import sys

_MODULES = "/usr/local/lib/thaw/python"

if _MODULES not in sys.path:
    sys.path.append(_MODULES)

import _thaw_renewal  # noqa: E402

_thaw_renewal.begin()
