package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"
)

// fileChange is what happened to an entry below a directory that is watched.
type fileChange struct {
	name string // relative to that directory; `.` is the directory itself
	kind string // filesystem.EventType without its prefix: CREATE, WRITE, REMOVE, RENAME, CHMOD
}

// dirWatch watches a directory by inotify(7), with all that is below where it is recursive. The kernel keeps what is not read
// yet, up to a bound of its own, and says so when it had to drop some.
type dirWatch struct {
	file      *os.File
	fd        int
	root      string
	recursive bool
	dirs      map[int32]string // watch descriptors; the directories' names relative to root
	// What was in directories that are new when their watch began. Some of it the kernel tells of as well: that has come when
	// its queue is empty.
	found map[string]bool
}

const watchMask = syscall.IN_CREATE | syscall.IN_MODIFY | syscall.IN_ATTRIB | syscall.IN_DELETE | syscall.IN_MOVED_FROM |
	syscall.IN_MOVED_TO | syscall.IN_DELETE_SELF | syscall.IN_MOVE_SELF | syscall.IN_ONLYDIR | syscall.IN_EXCL_UNLINK

// changeKinds says what each event of the kernel is in E2B's schema. What is moved away is renamed, what is moved here is new.
var changeKinds = [...]struct {
	mask uint32
	kind string
}{
	{syscall.IN_CREATE | syscall.IN_MOVED_TO, "CREATE"},
	{syscall.IN_MODIFY, "WRITE"},
	{syscall.IN_DELETE, "REMOVE"},
	{syscall.IN_MOVED_FROM, "RENAME"},
	{syscall.IN_ATTRIB, "CHMOD"},
}

// watchDirectory begins to watch. Closing the file ends it.
func watchDirectory(root string, recursive bool) (*dirWatch, error) {
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK)
	if err != nil {
		return nil, tooManyWatches(err)
	}
	w := &dirWatch{fd: fd, root: root, recursive: recursive, dirs: map[int32]string{}, found: map[string]bool{}}
	if err := w.add(".", nil); err != nil {
		syscall.Close(fd)
		return nil, err
	}
	w.file = os.NewFile(uintptr(fd), "inotify") // not blocking, so it is polled: a read ends when it is closed
	return w, nil
}

// tooManyWatches gives the kernel's bounds on watches words: its own would speak of the disk, or of files.
func tooManyWatches(err error) error {
	if err == syscall.ENOSPC || err == syscall.EMFILE {
		return &connectError{code: codeResourceExhausted, message: "more directories than can be watched"}
	}
	return err
}

// add watches a directory, and those below. What is in them goes to found, unless that is nil.
func (w *dirWatch) add(name string, found func(name string)) error {
	path := filepath.Join(w.root, name)
	mask := uint32(watchMask)
	if name != "." {
		mask |= syscall.IN_DONT_FOLLOW
	}
	wd, err := syscall.InotifyAddWatch(w.fd, path, mask)
	if err != nil {
		if name != "." && (err == syscall.ENOENT || err == syscall.ENOTDIR) { // gone or replaced in the meantime
			return nil
		}
		if limit := tooManyWatches(err); limit != err {
			return limit
		}
		return &os.PathError{Op: "watch", Path: path, Err: err}
	}
	w.dirs[int32(wd)] = name
	if !w.recursive {
		return nil
	}
	entries, _ := os.ReadDir(path) // what cannot be read now is gone again
	for _, entry := range entries {
		inside := filepath.Join(name, entry.Name())
		if found != nil && !strings.HasPrefix(entry.Name(), uploadPrefix) {
			found(inside)
		}
		if entry.IsDir() {
			if err := w.add(inside, found); err != nil {
				return err
			}
		}
	}
	return nil
}

// forget stops to watch a directory that was moved away, and those below.
func (w *dirWatch) forget(name string) {
	for wd, dir := range w.dirs {
		if dir == name || strings.HasPrefix(dir, name+"/") {
			_, _ = syscall.InotifyRmWatch(w.fd, uint32(wd))
			delete(w.dirs, wd)
		}
	}
}

// follow tells of changes until tell says that nobody listens, the file is closed, or something was missed.
func (w *dirWatch) follow(tell func(fileChange) bool) error {
	buffer := make([]byte, 16<<10)
	for {
		n, err := w.file.Read(buffer)
		if err != nil {
			return err
		}
		for at := 0; at+syscall.SizeofInotifyEvent <= n; {
			// struct inotify_event: wd, mask, cookie, length of the name; all of them 32 bits.
			wd := int32(binary.LittleEndian.Uint32(buffer[at:]))
			mask := binary.LittleEndian.Uint32(buffer[at+4:])
			start := at + syscall.SizeofInotifyEvent
			at = start + int(binary.LittleEndian.Uint32(buffer[at+12:]))
			if mask&syscall.IN_Q_OVERFLOW != 0 {
				return &connectError{code: codeDataLoss, message: "changes came faster than they were taken, and some are lost"}
			}
			name := strings.TrimRight(string(buffer[start:at]), "\x00")
			more, err := w.take(wd, mask, name, tell)
			if err != nil || !more {
				return err
			}
		}
		if len(w.found) > 0 && w.drained() {
			w.found = map[string]bool{}
		}
	}
}

// drained tells whether the kernel has nothing more to tell at the moment.
func (w *dirWatch) drained() bool {
	var waiting int32 // bytes
	return ioctl(w.fd, ioctlWaiting, unsafe.Pointer(&waiting)) == nil && waiting == 0
}

// ioctlWaiting is FIONREAD.
const ioctlWaiting = 0x541b

// take tells of one event. A directory that is new is watched, and what is in it already is told of as new.
func (w *dirWatch) take(wd int32, mask uint32, name string, tell func(fileChange) bool) (more bool, err error) {
	dir, known := w.dirs[wd]
	switch {
	case !known:
		return true, nil
	case mask&syscall.IN_IGNORED != 0:
		delete(w.dirs, wd)
		return true, nil
	case mask&syscall.IN_DELETE_SELF != 0:
		return dir != "." || tell(fileChange{".", "REMOVE"}), nil
	case mask&syscall.IN_MOVE_SELF != 0:
		return dir != "." || tell(fileChange{".", "RENAME"}), nil
	case name == "" || strings.HasPrefix(name, uploadPrefix):
		return true, nil
	}
	changed := filepath.Join(dir, name)
	if w.found[changed] {
		delete(w.found, changed)
		if mask&syscall.IN_CREATE != 0 { // told of, and watched
			return true, nil
		}
	}
	if mask&syscall.IN_ISDIR != 0 && mask&syscall.IN_MOVED_FROM != 0 {
		w.forget(changed)
	}
	for _, one := range changeKinds {
		if mask&one.mask != 0 && !tell(fileChange{changed, one.kind}) {
			return false, nil
		}
	}
	if !w.recursive || mask&syscall.IN_ISDIR == 0 || mask&(syscall.IN_CREATE|syscall.IN_MOVED_TO) == 0 {
		return true, nil
	}
	more = true
	err = w.add(changed, func(inside string) {
		w.found[inside] = true
		more = more && tell(fileChange{inside, "CREATE"})
	})
	return more, err
}
