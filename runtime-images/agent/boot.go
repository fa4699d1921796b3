package main

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

const (
	cgroupRoot = "/sys/fs/cgroup"
	// agentDir is on tmpfs: the identity files, the subscribers' socket and the renewal page.
	agentDir = "/run/thaw"
	// openFiles is the bound on descriptors for everything in the guest; the kernel's 1024 is too few for a server.
	openFiles = 65536
)

// boot makes a guest out of a running kernel: mounts, limits, identity, network. The name and ids that it gets here are those
// of the template; a thaw gives each clone its own.
func boot() (*identity, error) {
	if err := mountAll(); err != nil {
		return nil, err
	}
	quietKernel()
	limit := syscall.Rlimit{Cur: openFiles, Max: openFiles}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		complain(os.NewSyscallError("setrlimit", err)) // fewer, not wrong
	}
	if err := os.MkdirAll(agentDir, 0o755); err != nil {
		return nil, err
	}
	id, err := bindIdentity(agentDir)
	if err != nil {
		return nil, err
	}
	return id, configureNetwork()
}

// bindIdentity puts the identity files into their places and gives the template its first identity.
func bindIdentity(dir string) (*identity, error) {
	bootID, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil || len(bootID) < bootIDSize {
		return nil, errors.New("the kernel tells no boot id")
	}
	id, err := openIdentity(dir, "/", setHostname)
	if err != nil {
		return nil, err
	}
	for _, file := range identityFiles {
		if _, err := os.Stat(file.place); os.IsNotExist(err) {
			if err := os.WriteFile(file.place, nil, 0o644); err != nil {
				return nil, err
			}
		}
		if err := syscall.Mount(filepath.Join(dir, file.name), file.place, "", syscall.MS_BIND, ""); err != nil {
			return nil, &os.PathError{Op: "bind", Path: file.place, Err: err}
		}
	}
	var random [machineIDSize / 2]byte
	if errno := getRandom(random[:]); errno != 0 {
		return nil, errno
	}
	machineID := []byte(hex.EncodeToString(random[:]))
	if message := id.become([]byte("thaw"), machineID, bootID[:bootIDSize]); message != "" {
		return nil, errors.New(message)
	}
	return id, nil
}
