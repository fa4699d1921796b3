package main

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
)

// identity is what tells a guest from its siblings. Each piece is a file in the agent's directory on tmpfs, bind mounted once
// over the place where programs look, so that a thaw only writes into files that are open already.
type identity struct {
	setHostname func(name []byte) syscall.Errno
	machineID   int // descriptors
	bootID      int
	hostname    int
	hosts       int
	hostsEnd    int // where the line of the own name begins in hosts, in bytes
	length      int // of the hostname that the files hold, or -1
	text        [hostnameMost + 16]byte
}

// identityFiles are the names in the agent's directory and the places they stand for.
var identityFiles = [...]struct{ name, place string }{
	{"machine-id", "/etc/machine-id"},
	{"boot-id", "/proc/sys/kernel/random/boot_id"},
	{"hostname", "/etc/hostname"},
	{"hosts", "/etc/hosts"},
}

// openIdentity makes the files in dir. They are empty until the first identity is taken; only hosts keeps what its place under root holds.
func openIdentity(dir, root string, setHostname func([]byte) syscall.Errno) (*identity, error) {
	id := &identity{setHostname: setHostname, length: -1}
	for i, fd := range []*int{&id.machineID, &id.bootID, &id.hostname, &id.hosts} {
		file := identityFiles[i]
		var content []byte
		if file.name == "hosts" {
			content, _ = os.ReadFile(filepath.Join(root, file.place)) // an image may have none
			content = fixedHosts(content)
			id.hostsEnd = len(content)
		}
		path := filepath.Join(dir, file.name)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return nil, err
		}
		var err error
		if *fd, err = syscall.Open(path, syscall.O_WRONLY|syscall.O_CLOEXEC, 0); err != nil {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
	return id, nil
}

// fixedHosts is /etc/hosts without the line of the own name, which follows at the end.
func fixedHosts(content []byte) []byte {
	var kept []byte
	for _, line := range bytes.SplitAfter(content, []byte{'\n'}) {
		if len(line) > 0 && !bytes.HasPrefix(line, []byte("127.0.1.1")) {
			kept = append(kept, line...)
		}
	}
	if !bytes.Contains(kept, []byte("localhost")) {
		kept = append([]byte("127.0.0.1 localhost\n"), kept...)
	}
	if kept[len(kept)-1] != '\n' {
		kept = append(kept, '\n')
	}
	return kept
}

// become takes another identity: the step of a thaw.
func (id *identity) become(hostname, machineID, bootID []byte) string {
	errno := id.setHostname(hostname)
	if errno == 0 {
		errno = id.put(id.machineID, 0, "", machineID)
	}
	if errno == 0 {
		errno = id.put(id.bootID, 0, "", bootID)
	}
	if errno == 0 {
		errno = id.put(id.hostname, 0, "", hostname)
	}
	if errno == 0 {
		errno = id.put(id.hosts, id.hostsEnd, "127.0.1.1 ", hostname)
	}
	if errno == 0 && id.length != len(hostname) {
		if errno = truncate(id.hostname, len(hostname)+1); errno == 0 {
			errno = truncate(id.hosts, id.hostsEnd+len("127.0.1.1 ")+len(hostname)+1)
		}
		id.length = len(hostname)
	}
	return errnoText(errno)
}

// put writes one line at an offset.
func (id *identity) put(fd, offset int, before string, value []byte) syscall.Errno {
	n := copy(id.text[:], before)
	n += copy(id.text[n:], value)
	id.text[n] = '\n'
	return writeAt(fd, id.text[:n+1], offset)
}
