"""What an app in Python can tell Thaw.

    import thaw

    @thaw.after_thaw
    def renew():
        ...  # called in each clone right after it was thawed, before its first request
"""

_hooks = []


def after_thaw(function):
    """Calls `function` without arguments after each thaw; what it raises fails the thaw. Can be used as a decorator."""
    _hooks.append(function)
    return function
