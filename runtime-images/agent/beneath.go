package main

import (
	"errors"
	"io"
	"os"
	"path"
	"syscall"
	"time"
	"unsafe"
)

// beneath writes into a directory tree and nowhere else: every step is made from a descriptor of the root, and the kernel
// itself (openat2 with RESOLVE_BENEATH) refuses a way that leads out of it, whatever symlinks are there or appear meanwhile.
// A last name is never followed: what stands there is removed first.
type beneath struct {
	root   int
	who    account
	last   string // the directory opened last, as streams come sorted by directory
	lastFD int
	made   map[string]bool // directories that this extraction made, whose mode it may set
	buffer []byte
}

func openBeneath(root string, who account) (*beneath, error) {
	fd, err := syscall.Open(root, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: root, Err: err}
	}
	return &beneath{root: fd, who: who, lastFD: -1, made: map[string]bool{}, buffer: make([]byte, 64<<10)}, nil
}

func (b *beneath) close() {
	b.forget()
	syscall.Close(b.root)
}

// forget lets go of the directory opened last; its name may lead elsewhere from now on.
func (b *beneath) forget() {
	if b.lastFD >= 0 {
		syscall.Close(b.lastFD)
	}
	b.last, b.lastFD = "", -1
}

// openHow is struct open_how of openat2(2).
type openHow struct{ flags, mode, resolve uint64 }

const (
	sysOpenat2          = 437 // the same number on every architecture
	resolveNoMagicLinks = 0x02
	resolveBeneath      = 0x08
)

// open opens a directory that is there.
func (b *beneath) open(name string) (int, error) {
	bytes, err := syscall.BytePtrFromString(name)
	if err != nil {
		return -1, err
	}
	how := openHow{syscall.O_RDONLY | syscall.O_DIRECTORY | syscall.O_CLOEXEC, 0, resolveBeneath | resolveNoMagicLinks}
	for {
		fd, _, errno := syscall.Syscall6(sysOpenat2, uintptr(b.root), uintptr(unsafe.Pointer(bytes)),
			uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how), 0, 0)
		switch errno {
		case 0:
			return int(fd), nil
		case syscall.EINTR, syscall.EAGAIN: // EAGAIN: something was renamed on the way
		case syscall.EXDEV, syscall.ELOOP:
			return -1, badRequest("path leads through a symlink out of the tree: " + name)
		default:
			return -1, &os.PathError{Op: "open", Path: name, Err: errno}
		}
	}
}

// directoryFD opens a directory, making what is missing of it. The descriptor is good until the next call.
func (b *beneath) directoryFD(name string) (int, error) {
	if name == "." {
		return b.root, nil
	}
	if name == b.last {
		return b.lastFD, nil
	}
	fd, err := b.open(name)
	if errors.Is(err, syscall.ENOENT) {
		parent, err := b.directoryFD(path.Dir(name))
		if err != nil {
			return -1, err
		}
		if err := syscall.Mkdirat(parent, path.Base(name), 0o755); err != nil && err != syscall.EEXIST {
			return -1, &os.PathError{Op: "mkdir", Path: name, Err: err}
		} else if err == nil {
			b.made[name] = true
		}
		if fd, err = b.open(name); err != nil {
			return -1, err
		}
		if b.made[name] {
			if err := syscall.Fchown(fd, int(b.who.uid), int(b.who.gid)); err != nil {
				syscall.Close(fd)
				return -1, err
			}
		}
	} else if err != nil {
		return -1, err
	}
	b.forget()
	b.last, b.lastFD = name, fd
	return fd, nil
}

// directory makes a directory. One that was there before keeps its mode and its owner.
func (b *beneath) directory(name string, mode uint32) error {
	fd, err := b.directoryFD(name)
	if err == nil && b.made[name] {
		err = syscall.Fchmod(fd, mode)
	}
	return err
}

// free opens the directory of name and removes what stands at name itself.
func (b *beneath) free(name string) (parent int, base string, err error) {
	if name == "." {
		return -1, "", badRequest("only a directory can be the root of the tree")
	}
	if parent, err = b.directoryFD(path.Dir(name)); err != nil {
		return -1, "", err
	}
	base = path.Base(name)
	if err = syscall.Unlinkat(parent, base); err != nil && err != syscall.ENOENT {
		return -1, "", &os.PathError{Op: "replace", Path: name, Err: err}
	}
	return parent, base, nil
}

// file writes a regular file. Its content is read to the end.
func (b *beneath) file(name string, mode uint32, modified time.Time, content io.Reader) error {
	parent, base, err := b.free(name)
	if err != nil {
		return err
	}
	fd, err := syscall.Openat(parent, base, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_EXCL|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return &os.PathError{Op: "create", Path: name, Err: err}
	}
	file := os.NewFile(uintptr(fd), name)
	defer file.Close()
	if _, err := io.CopyBuffer(struct{ io.Writer }{file}, content, b.buffer); err != nil {
		return err
	}
	if err := file.Chown(int(b.who.uid), int(b.who.gid)); err != nil {
		return err
	}
	if err := syscall.Fchmod(fd, mode); err != nil {
		return err
	}
	times := [2]syscall.Timespec{syscall.NsecToTimespec(modified.UnixNano()), syscall.NsecToTimespec(modified.UnixNano())}
	_, _, errno := syscall.Syscall6(syscall.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&times)), 0, 0, 0)
	if errno != 0 {
		return &os.PathError{Op: "utimens", Path: name, Err: errno}
	}
	return nil
}

// symlink makes a symlink; where it points to is not looked at.
func (b *beneath) symlink(name, target string) error {
	parent, base, err := b.free(name)
	if err != nil {
		return err
	}
	b.made[name] = false
	defer b.forget()
	from, err := syscall.BytePtrFromString(target)
	if err != nil {
		return badRequest("symlink with a NUL byte: " + name)
	}
	to, err := syscall.BytePtrFromString(base)
	if err != nil {
		return err
	}
	_, _, errno := syscall.Syscall(syscall.SYS_SYMLINKAT, uintptr(unsafe.Pointer(from)), uintptr(parent), uintptr(unsafe.Pointer(to)))
	if errno != 0 {
		return &os.PathError{Op: "symlink", Path: name, Err: errno}
	}
	return syscall.Fchownat(parent, base, int(b.who.uid), int(b.who.gid), atSymlinkNofollow)
}

// atSymlinkNofollow is AT_SYMLINK_NOFOLLOW.
const atSymlinkNofollow = 0x100

// link gives a file of the tree a second name.
func (b *beneath) link(name, target string) error {
	source, err := b.open(path.Dir(target))
	if errors.Is(err, syscall.ENOENT) {
		return badRequest("hardlink to what is not in the tree: " + name)
	}
	if err != nil {
		return err
	}
	defer syscall.Close(source)
	parent, base, err := b.free(name)
	if err != nil {
		return err
	}
	old, err := syscall.BytePtrFromString(path.Base(target))
	if err != nil {
		return err
	}
	to, err := syscall.BytePtrFromString(base)
	if err != nil {
		return err
	}
	_, _, errno := syscall.Syscall6(syscall.SYS_LINKAT, uintptr(source), uintptr(unsafe.Pointer(old)),
		uintptr(parent), uintptr(unsafe.Pointer(to)), 0, 0)
	switch errno {
	case 0:
		return nil
	case syscall.ENOENT, syscall.EPERM, syscall.EXDEV: // nothing there, a directory, another file system
		return badRequest("hardlink to what is no file of the tree: " + name)
	}
	return &os.PathError{Op: "link", Path: name, Err: errno}
}
