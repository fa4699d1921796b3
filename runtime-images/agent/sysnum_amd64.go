package main

// sysGetrandom is getrandom(2), which the frozen syscall package does not name on this architecture.
const sysGetrandom = 318
