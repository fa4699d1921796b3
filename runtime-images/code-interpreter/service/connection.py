"""Where a kernel and the service meet."""

import os


def connection(directory):
    """How a kernel with this directory is connected to, as in a connection file of Jupyter.

    Unix sockets: they need no network, and the directory is closed to other users. So there is no key to sign messages with,
    and nothing that clones of a frozen VM would have to renew: equal paths in two VMs are two files. (ipykernel listens on
    a port of the loopback interface too, for output of forked children. Its secret is equal in clones; no other VM gets there.)
    """
    ports = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5}
    return {"transport": "ipc", "ip": os.path.join(directory, "socket"), **ports, "key": "", "signature_scheme": "hmac-sha256"}
