package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// cgroup is a control group (v2) that holds the supervised process, so that its number of tasks is bounded and nothing it
// starts can stay behind.
type cgroup struct {
	dir   string
	limit int // descriptor of pids.max, kept open for the thaw
	text  [20]byte
}

// openCgroup makes <root>/<name> and the pids controller in it. root is where the cgroup2 hierarchy is, or will be, mounted.
func openCgroup(root, name string) (*cgroup, error) {
	if err := (mount{"cgroup2", root, "cgroup2", plainer, ""}).ensure(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+pids"), 0); err != nil {
		return nil, err
	}
	dir := filepath.Join(root, name)
	if err := os.Mkdir(dir, 0o755); err != nil && !os.IsExist(err) {
		return nil, err
	}
	limit, err := syscall.Open(filepath.Join(dir, "pids.max"), syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir + "/pids.max", Err: err}
	}
	return &cgroup{dir: dir, limit: limit}, nil
}

// add moves a process in.
func (c *cgroup) add(pid int) error {
	return os.WriteFile(filepath.Join(c.dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
}

// limitTasks bounds the number of processes and threads inside; 0 means no bound. It is a step of the thaw.
func (c *cgroup) limitTasks(most int64) string {
	text := append(c.text[:0], "max"...)
	if most > 0 {
		text = strconv.AppendInt(c.text[:0], most, 10)
	}
	return errnoText(writeAt(c.limit, text, 0))
}

// kill ends everything inside. Kernels before 5.14 have no cgroup.kill; there it goes through the list once.
func (c *cgroup) kill() {
	if os.WriteFile(filepath.Join(c.dir, "cgroup.kill"), []byte("1"), 0) == nil {
		return
	}
	list, _ := os.ReadFile(filepath.Join(c.dir, "cgroup.procs"))
	for _, word := range bytes.Fields(list) {
		if pid, err := strconv.Atoi(string(word)); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
