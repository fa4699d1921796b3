package main

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// growLimit is how long the kernel may take to hear of a disk's new size.
const growLimit = 5 * time.Second

// diskMount is a disk that the host put into this machine, and where it belongs.
type diskMount struct {
	Serial   string `json:"serial"` // of the device
	Path     string `json:"path"`   // absolute and clean
	ReadOnly bool   `json:"readOnly"`
	Owner    string `json:"owner"` // who an empty disk is given to
	device   string
	frozen   bool
}

// dataDisks are the disks besides the root's, by the order in which they were mounted.
type dataDisks struct {
	mu      sync.Mutex
	mounted []*diskMount
}

// mountDisks answers POST /disks, which the host calls once, after a thaw.
func (a *agent) mountDisks(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Disks []*diskMount `json:"disks"`
	}
	err := readJSON(r, &request)
	if err == nil {
		err = a.disks.mountAll(request.Disks, a.lookup)
	}
	answerDone(w, err)
}

// syncDisks answers POST /disks/sync: what was written is on the disks.
func (a *agent) syncDisks(w http.ResponseWriter, _ *http.Request) {
	syscall.Sync()
	w.WriteHeader(http.StatusNoContent)
}

// freezeDisks answers POST /disks/freeze: the disks are whole, and stay as they are until POST /disks/thaw.
func (a *agent) freezeDisks(w http.ResponseWriter, _ *http.Request) {
	answerDone(w, a.disks.freeze())
}

func (a *agent) thawDisks(w http.ResponseWriter, _ *http.Request) {
	answerDone(w, a.disks.thaw())
}

// growDisk answers POST /disks/grow {"path","bytes"}: the file system fills a disk that was made larger.
func (a *agent) growDisk(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Path  string `json:"path"`
		Bytes uint64 `json:"bytes"`
	}
	err := readJSON(r, &request)
	if err == nil {
		err = a.disks.grow(request.Path, request.Bytes)
	}
	answerDone(w, err)
}

func answerDone(w http.ResponseWriter, err error) {
	if err != nil {
		answerError(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (d *dataDisks) mountAll(wanted []*diskMount, lookup func(string) (account, error)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	devices, err := unboundDisks()
	if err != nil {
		return err
	}
	missing := map[string]*diskMount{}
	for _, disk := range wanted {
		missing[disk.Serial] = disk
	}
	for _, name := range devices {
		if len(missing) == 0 {
			break
		}
		device, serial, err := bindDisk(name)
		if err != nil {
			return err
		}
		disk, known := missing[serial]
		if !known {
			continue // an empty place; nobody looks at it
		}
		disk.device = device
		delete(missing, serial)
	}
	if len(missing) > 0 {
		return errors.New("a disk is not in this machine")
	}
	for _, disk := range wanted { // in the host's order: one may be mounted below another
		if err := disk.mount(lookup); err != nil {
			return err
		}
		d.mounted = append(d.mounted, disk)
	}
	return nil
}

func (m *diskMount) mount(lookup func(string) (account, error)) error {
	who, err := lookup(m.Owner)
	if err != nil {
		return err
	}
	if !filepath.IsAbs(m.Path) || filepath.Clean(m.Path) != m.Path || m.Path == "/" {
		return badRequest("not a place to mount a disk: " + m.Path)
	}
	if err := os.MkdirAll(m.Path, 0o755); err != nil {
		return err
	}
	if _, err := readExt4("/dev/" + m.device); err != nil {
		return err
	}
	// Inode tables of a sparse file are zero already. What is deleted is free on the host again.
	flags, options := uintptr(plain|syscall.MS_NOATIME), "discard,noinit_itable,errors=remount-ro"
	if m.ReadOnly {
		flags |= syscall.MS_RDONLY
	}
	if err := syscall.Mount("/dev/"+m.device, m.Path, "ext4", flags, options); err != nil {
		return &os.PathError{Op: "mount", Path: m.Path, Err: err}
	}
	if m.ReadOnly {
		return nil
	}
	if err := growExt4(m.Path, m.device); err != nil { // it may have been made larger while nobody had it
		return err
	}
	return giveFresh(m.Path, who)
}

// giveFresh hands a disk that nobody has used yet to its user, and takes away the one directory that mkfs puts there:
// programs that want an empty directory get one, and a check of the file system makes it again.
func giveFresh(path string, who account) error {
	var stat syscall.Stat_t
	if err := syscall.Stat(path, &stat); err != nil || stat.Uid != 0 {
		return err
	}
	entries, err := os.ReadDir(path)
	if err != nil || len(entries) != 1 || entries[0].Name() != "lost+found" {
		return err
	}
	if err := os.Remove(filepath.Join(path, "lost+found")); err != nil {
		return err
	}
	return os.Chown(path, int(who.uid), int(who.gid))
}

func (d *dataDisks) freeze() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, disk := range d.mounted {
		if disk.ReadOnly || disk.frozen {
			continue
		}
		if err := freezeMount(disk.Path); err != nil {
			_ = d.thawAll()
			return err
		}
		disk.frozen = true
	}
	return nil
}

func (d *dataDisks) thaw() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.thawAll()
}

// thawAll thaws what is frozen, and goes on when one cannot be.
func (d *dataDisks) thawAll() error {
	var first error
	for _, disk := range d.mounted {
		if !disk.frozen {
			continue
		}
		if err := thawMount(disk.Path); err != nil && first == nil {
			first = err
		}
		disk.frozen = false
	}
	return first
}

func (d *dataDisks) grow(path string, bytes uint64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, disk := range d.mounted {
		if disk.Path != path {
			continue
		}
		if disk.ReadOnly {
			return nil // the next one who may write will do it
		}
		for deadline := time.Now().Add(growLimit); ; time.Sleep(10 * time.Millisecond) {
			have, err := deviceBytes(disk.device)
			if err != nil {
				return err
			}
			if have >= bytes {
				return growExt4(path, disk.device)
			}
			if time.Now().After(deadline) {
				return errors.New("the kernel has not heard of the disk's new size")
			}
		}
	}
	return notFound("no disk is mounted at " + path)
}
