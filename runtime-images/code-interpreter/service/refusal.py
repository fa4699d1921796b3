class Refusal(Exception):
    """A request that is answered with a status and one sentence for people. Nothing was done."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status
        self.message = message
