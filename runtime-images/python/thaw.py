"""What an app in Python can ask of Thaw.

    import thaw

    @thaw.after_thaw
    def renew():
        ...  # make your own what copies of this process must not share
"""

_after_thaw = []


def after_thaw(function):
    """Calls a plain function in each copy of the process before its first request, in a thread of its own.

    It may take a few seconds and must not need the event loop. What it raises fails the thaw. Can be used as a decorator.
    """
    if getattr(function, "__code__", None) and function.__code__.co_flags & 0x80:  # CO_COROUTINE
        raise TypeError("after_thaw takes a plain function, not a coroutine")
    _after_thaw.append(function)
    return function
