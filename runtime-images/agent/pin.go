package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// pinCode keeps the agent's own program in memory. Settling before a freeze drops what can be read again from the disk; a thaw
// that had to read its own code back would wait for the disk a few times over.
func pinCode() error {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	table, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return err
	}
	for _, row := range bytes.Split(table, []byte{'\n'}) {
		// from-to permissions offset device inode path
		fields := strings.Fields(string(row))
		if len(fields) != 6 || fields[5] != program {
			continue
		}
		ends := strings.SplitN(fields[0], "-", 2)
		from, err := strconv.ParseUint(ends[0], 16, 64)
		if err != nil {
			return err
		}
		to, err := strconv.ParseUint(ends[1], 16, 64)
		if err != nil {
			return err
		}
		if _, _, errno := syscall.Syscall(syscall.SYS_MLOCK, uintptr(from), uintptr(to-from), 0); errno != 0 {
			return errno
		}
	}
	return nil
}
