package main

import (
	"os"
	"os/user"
	"strconv"
	"sync"
	"syscall"
)

// account is a user of the guest in the form that processes and files need.
type account struct {
	name   string
	home   string
	uid    uint32
	gid    uint32
	groups []uint32
}

// accountBook is the guest's user database, as it is at the moment. It remembers who was looked up, because reading the files
// again costs an emulated guest 35 ms of its first answer (measured).
type accountBook struct {
	mu    sync.Mutex
	files [2]fileStamp
	known map[string]account
}

// userFiles is the database. What of it changes, in which way ever, shows in its files' stamps.
var userFiles = [2]string{"/etc/passwd", "/etc/group"}

// fileStamp tells one state of a file from another.
type fileStamp struct {
	inode   uint64
	size    int64
	changed syscall.Timespec
}

func stampOf(path string) fileStamp {
	var stat syscall.Stat_t
	if syscall.Stat(path, &stat) != nil {
		return fileStamp{}
	}
	return fileStamp{stat.Ino, stat.Size, stat.Ctim}
}

// openAccounts knows from the start who code runs as.
func openAccounts() *accountBook {
	book := &accountBook{}
	for _, name := range []string{"app", defaultUser, "root"} {
		_, _ = book.lookup(name) // an image need not have them all
	}
	return book
}

// lookup finds a user by name. An empty name means `app`, the user that deployments run as.
func (b *accountBook) lookup(name string) (account, error) {
	if name == "" {
		name = "app"
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	files := [2]fileStamp{stampOf(userFiles[0]), stampOf(userFiles[1])}
	if b.files != files || b.known == nil {
		b.files, b.known = files, map[string]account{}
	}
	if who, known := b.known[name]; known {
		return who, nil
	}
	who, err := readAccount(name)
	if err == nil {
		b.known[name] = who
	}
	return who, err
}

func readAccount(name string) (account, error) {
	found, err := user.Lookup(name)
	if err != nil {
		return account{}, badRequest("no such user: " + name)
	}
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	if err != nil {
		return account{}, badRequest("user " + name + " has no numeric id")
	}
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	if err != nil {
		return account{}, badRequest("user " + name + " has no numeric group")
	}
	who := account{name: name, home: found.HomeDir, uid: uint32(uid), gid: uint32(gid)}
	ids, err := found.GroupIds()
	if err != nil {
		return account{}, err
	}
	for _, id := range ids {
		if group, err := strconv.ParseUint(id, 10, 32); err == nil {
			who.groups = append(who.groups, uint32(group))
		}
	}
	return who, nil
}

// credential is what a child process becomes, or nil when the agent is that user already and could not change anyway.
func (a account) credential() *syscall.Credential {
	if os.Geteuid() != 0 && uint32(os.Geteuid()) == a.uid {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid, Groups: a.groups}
}
