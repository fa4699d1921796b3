package main

import (
	"syscall"
	"unsafe"
)

// These are the calls of the thaw path. They never wait, so they are raw: the scheduler does not hear of them.

// Requests of random(4), from linux/random.h.
const (
	rndAddEntropy = 0x40085203 // _IOW('R', 0x03, int [2])
	rndReseedCRNG = 0x5207     // _IO('R', 0x07)
)

// randPoolInfo is struct rand_pool_info with room for what a thaw brings.
type randPoolInfo struct {
	entropyCount int32 // bits
	bufSize      int32 // bytes
	buf          [entropySize]byte
}

// randomDevice is /dev/random, kept open from boot on.
type randomDevice struct {
	fd   int
	info randPoolInfo
}

func openRandomDevice() (*randomDevice, error) {
	fd, err := syscall.Open("/dev/random", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return &randomDevice{fd: fd}, nil
}

// reseed gives the kernel entropy, credited in full, and makes its generator use it from the next byte on. The first alone is
// not enough: clones would go on from the same key until the next regular reseed, up to five minutes later.
func (r *randomDevice) reseed(entropy []byte) string {
	r.info.entropyCount, r.info.bufSize = entropySize*8, entropySize
	copy(r.info.buf[:], entropy)
	_, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(r.fd), rndAddEntropy, uintptr(unsafe.Pointer(&r.info)))
	r.info.buf = [entropySize]byte{}
	if errno == 0 {
		_, _, errno = syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(r.fd), rndReseedCRNG, 0)
	}
	return errnoText(errno)
}

// setClock sets CLOCK_REALTIME.
func setClock(seconds, nanoseconds int64) string {
	now := syscall.Timespec{Sec: seconds, Nsec: nanoseconds}
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_SETTIME, 0, uintptr(unsafe.Pointer(&now)), 0)
	return errnoText(errno)
}

// setHostname is sethostname(2).
func setHostname(name []byte) syscall.Errno {
	_, _, errno := syscall.RawSyscall(syscall.SYS_SETHOSTNAME, uintptr(unsafe.Pointer(&name[0])), uintptr(len(name)), 0)
	return errno
}

// writeAt is pwrite(2) of everything in one call.
func writeAt(fd int, bytes []byte, offset int) syscall.Errno {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_PWRITE64, uintptr(fd), uintptr(unsafe.Pointer(&bytes[0])), uintptr(len(bytes)), uintptr(offset), 0, 0)
	if errno == 0 && int(n) != len(bytes) {
		return syscall.EIO
	}
	return errno
}

// truncate is ftruncate(2).
func truncate(fd, size int) syscall.Errno {
	_, _, errno := syscall.RawSyscall(syscall.SYS_FTRUNCATE, uintptr(fd), uintptr(size), 0)
	return errno
}

// getRandom fills bytes from the kernel's generator; up to 256 bytes come in one call and uninterrupted.
func getRandom(bytes []byte) syscall.Errno {
	n, _, errno := syscall.RawSyscall(sysGetrandom, uintptr(unsafe.Pointer(&bytes[0])), uintptr(len(bytes)), 0)
	if errno == 0 && int(n) != len(bytes) {
		return syscall.EIO
	}
	return errno
}

func errnoText(errno syscall.Errno) string {
	if errno == 0 {
		return ""
	}
	return errno.Error()
}
