"""What is bounded, and how far. Bytes and seconds."""

# Of a request's body.
BODY_BYTES = 8 << 20
# Of a body that is too large, read all the same: who still sends does not hear why it is refused.
DISCARDED_BYTES = 64 << 20
# Of one execution's standard output and error together. What is more is dropped, and said so.
STREAM_BYTES = 4 << 20
# Of one execution's results together, as they are sent.
RESULT_BYTES = 32 << 20
# Of an error's value and traceback together.
ERROR_BYTES = 256 << 10
# Messages of a kernel that are under way, on each side.
MESSAGES = 100
# Contexts at once, the default one too.
CONTEXTS = 32

# Until a new kernel answers; an emulated machine takes several.
START_SECONDS = 60
# After an interrupt: until the next one, and until the kernel is ended.
INTERRUPT_AGAIN_SECONDS = 5
INTERRUPT_LAST_SECONDS = 10
# After the kernel's reply: for output that is still on its way.
LAST_OUTPUT_SECONDS = 5
# For the rest of an answer to a client that does not read.
ANSWER_SECONDS = 30
