package main

import (
	"bytes"
	"os"
	"strconv"
)

// Who listens is read from the kernel's tables and not found out by connecting: a program should not see a connection that
// nobody meant. A row of /proc/net/tcp and tcp6:
//
//	sl  local_address rem_address   st ...
//	 0: 0100007F:1F90 00000000:0000 0A ...
//
// An address is hexadecimal, each 32-bit word in the byte order of the machine; 0A is LISTEN.
type listener int

const (
	nobody listener = iota
	onLoopback
	onNetwork
)

// listening tells whether a TCP port is listened on, and whether beyond the loopback.
func listening(port uint16) listener {
	found := nobody
	for _, table := range [...]string{"/proc/net/tcp", "/proc/net/tcp6"} {
		rows, err := os.ReadFile(table)
		if err != nil {
			continue // no IPv6
		}
		if where := listeningIn(rows, port); where > found {
			found = where
		}
	}
	return found
}

func listeningIn(rows []byte, port uint16) listener {
	found := nobody
	for len(rows) > 0 {
		row := rows
		if end := bytes.IndexByte(rows, '\n'); end >= 0 {
			row, rows = rows[:end], rows[end+1:]
		} else {
			rows = nil
		}
		fields := bytes.Fields(row)
		if len(fields) < 4 || string(fields[3]) != "0A" {
			continue
		}
		colon := bytes.IndexByte(fields[1], ':')
		if colon < 0 {
			continue
		}
		if value, err := strconv.ParseUint(string(fields[1][colon+1:]), 16, 16); err != nil || uint16(value) != port {
			continue
		}
		if !isLoopback(string(fields[1][:colon])) {
			return onNetwork
		}
		found = onLoopback
	}
	return found
}

// isLoopback knows 127.0.0.0/8, ::1 and the former mapped into IPv6, as a little-endian machine writes them.
func isLoopback(address string) bool {
	switch len(address) {
	case 8:
		return address[6:] == "7F"
	case 32:
		return address == "00000000000000000000000001000000" ||
			(address[:24] == "0000000000000000FFFF0000" && address[30:] == "7F")
	}
	return false
}
