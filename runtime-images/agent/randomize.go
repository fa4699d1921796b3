package main

import "os"

// randomizeAddresses makes the kernel give each process that starts from now on addresses that nobody can foresee. An emulated
// guest boots without (qemu/driver.ts says why), which is good enough for a build and for commands that the guest's owner
// sends; what answers strangers is better off with them.
func randomizeAddresses() {
	const everything = "2" // stack, libraries, program and heap; Documentation/admin-guide/sysctl/kernel.rst
	if err := os.WriteFile("/proc/sys/kernel/randomize_va_space", []byte(everything), 0); err != nil {
		complain(err)
	}
}
