package main

import (
	"os"
	"os/user"
	"path/filepath"
	"syscall"
)

// openGuest boots the machine that the agent is in; with a test root it touches nothing of the machine.
func openGuest(testRoot string) (*guest, error) {
	if testRoot != "" {
		return standIn(testRoot)
	}
	id, err := boot()
	if err != nil {
		return nil, err
	}
	if err := letGoOfDataDisks(); err != nil {
		return nil, err
	}
	if err := pinCode(); err != nil {
		complain(err) // slower, not wrong
	}
	random, err := openRandomDevice()
	if err != nil {
		return nil, err
	}
	limitTasks := func(int64) string { return "there is no cgroup2 in this guest" }
	group, err := openCgroup(cgroupRoot, "app")
	if err == nil {
		limitTasks = group.limitTasks
	} else {
		complain(err)
	}
	return &guest{
		dir:    agentDir,
		group:  group,
		harden: randomizeAddresses,
		steps: thawSteps{
			reseed:     random.reseed,
			setClock:   setClock,
			identify:   id.become,
			limitTasks: limitTasks,
		},
		lookup: openAccounts().lookup,
	}, nil
}

// standIn is a guest for tests: identity files in a folder, every user the one that runs the test, no kernel behind the steps.
func standIn(root string) (*guest, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	id, err := openIdentity(root, filepath.Join(root, "system"), func([]byte) syscall.Errno { return 0 })
	if err != nil {
		return nil, err
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	return &guest{
		dir: root,
		steps: thawSteps{
			reseed:     func([]byte) string { return "" },
			setClock:   func(int64, int64) string { return "" },
			identify:   id.become,
			limitTasks: func(int64) string { return "" },
		},
		lookup: func(string) (account, error) {
			return account{name: me.Username, home: me.HomeDir, uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}, nil
		},
	}, nil
}
