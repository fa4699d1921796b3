package main

import (
	"encoding/binary"
	"errors"
	"os"
	"syscall"
	"unsafe"
)

// Requests of ioctl(2) on a mounted file system.
const (
	fiFreeze      = 0xc0045877 // _IOWR('X', 119, int), linux/fs.h
	fiThaw        = 0xc0045878 // _IOWR('X', 120, int)
	ext4IocResize = 0x40086610 // _IOW('f', 16, __u64), fs/ext4/ext4.h
)

// The superblock of ext4; Documentation/filesystems/ext4/super.rst in the kernel has it all.
const (
	superblockAt   = 1024 // bytes from the beginning of the device
	superblockSize = 1024
	ext4Magic      = 0xef53
	incompat64Bit  = 0x80 // block numbers have a second half
)

// ext4Size is what a superblock says of its file system.
type ext4Size struct {
	blockBytes uint64
	blocks     uint64
}

// readExt4 reads the superblock of a block device.
func readExt4(path string) (ext4Size, error) {
	file, err := os.Open(path)
	if err != nil {
		return ext4Size{}, err
	}
	defer file.Close()
	var super [superblockSize]byte
	if _, err := file.ReadAt(super[:], superblockAt); err != nil {
		return ext4Size{}, err
	}
	shift := binary.LittleEndian.Uint32(super[0x18:])
	if binary.LittleEndian.Uint16(super[0x38:]) != ext4Magic || shift > 6 {
		return ext4Size{}, errors.New("there is no ext4 file system on the disk")
	}
	blocks := uint64(binary.LittleEndian.Uint32(super[0x4:]))
	if binary.LittleEndian.Uint32(super[0x60:])&incompat64Bit != 0 {
		blocks |= uint64(binary.LittleEndian.Uint32(super[0x150:])) << 32
	}
	return ext4Size{1024 << shift, blocks}, nil
}

// growExt4 makes a mounted file system as large as its device.
func growExt4(path, device string) error {
	size, err := readExt4("/dev/" + device)
	if err != nil {
		return err
	}
	bytes, err := deviceBytes(device)
	if err != nil {
		return err
	}
	blocks := bytes / size.blockBytes
	if blocks <= size.blocks {
		return nil
	}
	return onMount(path, "grow", ext4IocResize, unsafe.Pointer(&blocks))
}

// freezeMount writes everything that is not on the disk yet, and lets nothing be written until thawMount.
func freezeMount(path string) error {
	return onMount(path, "freeze", fiFreeze, nil)
}

func thawMount(path string) error {
	return onMount(path, "thaw", fiThaw, nil)
}

// onMount is ioctl(2) on the root directory of a mount.
func onMount(path, act string, request uintptr, argument unsafe.Pointer) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	defer directory.Close()
	// Not raw: it waits for the disk.
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, directory.Fd(), request, uintptr(argument))
	if errno != 0 {
		return &os.PathError{Op: act, Path: path, Err: errno}
	}
	return nil
}
