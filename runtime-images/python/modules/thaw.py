"""What an app in Python can tell Thaw.

    import thaw

    @thaw.after_thaw
    def renew():
        ...  # called in each clone right after it was thawed, before its first request
"""

from _thaw_renewal import after_thaw

__all__ = ["after_thaw"]
