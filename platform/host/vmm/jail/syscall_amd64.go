package main

// setns(2); package syscall of this Go version does not name it.
const sysSetns = 308
