"""Python loads the first `sitecustomize` on its path before anything of the app. This one begins the renewal."""

import _thaw_renewal


def _go_on():
    """One of the app's own, or the distribution's, further down the path keeps its effect."""
    import sys
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec
    from os.path import dirname, realpath

    here = dirname(realpath(__file__))
    spec = PathFinder.find_spec("sitecustomize", [entry for entry in sys.path if realpath(entry or ".") != here])
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(module_from_spec(spec))


_thaw_renewal.begin()
_go_on()
