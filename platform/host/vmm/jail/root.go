package main

import (
	"os"
	"path"
	"syscall"
)

// enterRoot makes a new mount namespace whose root holds the binds and links of
// the spec and nothing else, and enters it. The mounts end with the process.
func enterRoot(spec *Spec) error {
	if err := syscall.Unshare(syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS); err != nil {
		return err
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	const plain = syscall.MS_NOSUID | syscall.MS_NODEV
	if err := syscall.Mount("thaw", spec.Root, "tmpfs", plain|syscall.MS_NOEXEC, "size=256k,mode=755"); err != nil {
		return err
	}
	devices := path.Join(spec.Root, "dev")
	if err := os.Mkdir(devices, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount("thaw", devices, "tmpfs", syscall.MS_NOSUID|syscall.MS_NOEXEC, "size=64k,mode=755"); err != nil {
		return err
	}
	for _, device := range spec.Devices {
		if err := makeDevice(device, path.Join(spec.Root, device)); err != nil {
			return &os.PathError{Op: "mknod", Path: device, Err: err}
		}
	}
	for _, bind := range spec.Binds {
		if err := bindInto(spec.Root, bind); err != nil {
			return &os.PathError{Op: "bind", Path: bind.From, Err: err}
		}
	}
	for name, target := range spec.Links {
		if err := os.Symlink(target, path.Join(spec.Root, name)); err != nil {
			return err
		}
	}
	if err := syscall.Chdir(spec.Root); err != nil {
		return err
	}
	// pivot_root(".", ".") stacks the old root over the new one; detaching it leaves the new one alone.
	if err := syscall.PivotRoot(".", "."); err != nil {
		return err
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return err
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REMOUNT|syscall.MS_RDONLY|plain|syscall.MS_NOEXEC, ""); err != nil {
		return err
	}
	return syscall.Chdir("/")
}

// makeDevice makes the node of a device anew, open to the VMM's user: the host's
// own node may be root's alone, as /dev/kvm often is.
func makeDevice(from, to string) error {
	var info syscall.Stat_t
	if err := syscall.Stat(from, &info); err != nil {
		return err
	}
	if err := syscall.Mknod(to, syscall.S_IFCHR|0o666, int(info.Rdev)); err != nil {
		return err
	}
	return os.Chmod(to, 0o666) // whatever the umask took away
}

func bindInto(root string, bind Bind) error {
	target := path.Join(root, bind.To)
	info, err := os.Stat(bind.From)
	if err != nil {
		return err
	}
	if info.IsDir() {
		err = os.MkdirAll(target, 0o755)
	} else if err = os.MkdirAll(path.Dir(target), 0o755); err == nil {
		var fd int
		if fd, err = syscall.Open(target, syscall.O_CREAT|syscall.O_WRONLY|syscall.O_CLOEXEC, 0o644); err == nil {
			syscall.Close(fd)
		}
	}
	if err != nil {
		return err
	}
	if err := syscall.Mount(bind.From, target, "", syscall.MS_BIND, ""); err != nil {
		return err
	}
	flags := uintptr(syscall.MS_BIND | syscall.MS_REMOUNT | syscall.MS_NOSUID | syscall.MS_NODEV)
	if !bind.Writable {
		flags |= syscall.MS_RDONLY
	}
	return syscall.Mount("", target, "", flags, "")
}
