package main

import (
	"bytes"
	"os"
	"syscall"
)

// mount is one thing that has to be in its place before anything else runs.
type mount struct {
	source, target, kind string
	flags                uintptr
	options              string
}

const (
	plain   = syscall.MS_NOSUID | syscall.MS_NODEV
	plainer = plain | syscall.MS_NOEXEC
)

// mounts in the order in which they stand on each other. PID 1 is tini, which mounts nothing; the initramfs has done some.
var mounts = [...]mount{
	{"proc", "/proc", "proc", plainer, ""},
	{"sysfs", "/sys", "sysfs", plainer, ""},
	{"devtmpfs", "/dev", "devtmpfs", syscall.MS_NOSUID, "mode=0755"},
	{"devpts", "/dev/pts", "devpts", syscall.MS_NOSUID | syscall.MS_NOEXEC, "gid=5,mode=0620,ptmxmode=0666"},
	{"tmpfs", "/dev/shm", "tmpfs", plain, "mode=1777"},
	{"tmpfs", "/run", "tmpfs", plain, "mode=0755"},
	{"tmpfs", "/tmp", "tmpfs", plain, "mode=1777"},
}

// deviceLinks are what udev would make in /dev.
var deviceLinks = [...][2]string{
	{"/proc/self/fd", "/dev/fd"},
	{"/proc/self/fd/0", "/dev/stdin"},
	{"/proc/self/fd/1", "/dev/stdout"},
	{"/proc/self/fd/2", "/dev/stderr"},
}

// mountAll mounts what is not there yet.
func mountAll() error {
	for _, m := range mounts {
		if err := m.ensure(); err != nil {
			return err
		}
	}
	for _, link := range deviceLinks {
		if err := os.Symlink(link[0], link[1]); err != nil && !os.IsExist(err) {
			return err
		}
	}
	return nil
}

// ensure mounts it, unless something is mounted there.
func (m mount) ensure() error {
	if isMounted(m.target) {
		return nil
	}
	if err := os.MkdirAll(m.target, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount(m.source, m.target, m.kind, m.flags, m.options); err != nil {
		return &os.PathError{Op: "mount", Path: m.target, Err: err}
	}
	return nil
}

// isMounted looks into the table of mounts; where that itself is missing, so is the mount asked for.
// A row is `source target kind options 0 0`.
func isMounted(target string) bool {
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return false
	}
	for _, row := range bytes.Split(table, []byte{'\n'}) {
		if fields := bytes.Fields(row); len(fields) > 1 && string(fields[1]) == target {
			return true
		}
	}
	return false
}
