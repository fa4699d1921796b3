package main

import (
	"os"
	"os/user"
	"strconv"
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

// lookupAccount reads the guest's user database. An empty name means `app`, the user that tenant code runs as.
func lookupAccount(name string) (account, error) {
	if name == "" {
		name = "app"
	}
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
