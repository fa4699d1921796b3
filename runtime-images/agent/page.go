package main

import (
	"os"
	"syscall"
)

// renewalPage is a file on tmpfs that a runtime maps, to see by a look at memory that it was thawed. Waking each runtime and
// waiting for its answer is a large part of a thaw under emulation; one that watches the page is left alone.
//
//	offset  0   4 bytes   how many thaws there were, little endian
//	offset  8  32 bytes   entropy of the last one; the same for all who watch
//
// The entropy is written first: who finds a new count finds new entropy.
type renewalPage struct {
	fd      int
	thaws   uint32
	count   [4]byte
	entropy [pageEntropy]byte
}

const (
	pageSize          = 4096
	pageEntropy       = 32
	pageEntropyOffset = 8
)

// openRenewalPage makes the file, as long as a page of memory: what is mapped beyond a file's end cannot be read.
func openRenewalPage(path string) (*renewalPage, error) {
	if err := os.WriteFile(path, make([]byte, pageSize), 0o644); err != nil {
		return nil, err
	}
	fd, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return &renewalPage{fd: fd}, nil
}

// renew is the step of a thaw, once the kernel's generator is renewed.
func (p *renewalPage) renew() string {
	errno := getRandom(p.entropy[:])
	if errno == 0 {
		errno = writeAt(p.fd, p.entropy[:], pageEntropyOffset)
	}
	p.entropy = [pageEntropy]byte{}
	if errno == 0 {
		p.thaws++
		p.count = [4]byte{byte(p.thaws), byte(p.thaws >> 8), byte(p.thaws >> 16), byte(p.thaws >> 24)}
		errno = writeAt(p.fd, p.count[:], 0)
	}
	return errnoText(errno)
}
