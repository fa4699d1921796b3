package main

import (
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

const (
	ioctlGrow = 0x40086610 // EXT4_IOC_RESIZE_FS, fs/ext4/ext4.h
	// growPatience is how long the kernel may take to notice that its disk has grown.
	growPatience = 10 * time.Second
	sectorSize   = 512
)

// growRequest is the body of POST /disk/grow.
type growRequest struct {
	Bytes uint64 `json:"bytes"` // that the disk has by now, or is about to
}

// growRoot answers POST /root/grow: the root file system takes all of its disk, which has become larger.
func (a *agent) growRoot(w http.ResponseWriter, r *http.Request) {
	var ask growRequest
	err := readJSON(r, &ask)
	if err == nil {
		err = grow("/sys/class/block/vda/size", "/", ask.Bytes)
	}
	if err != nil {
		answerError(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func grow(sizeFile, root string, bytes uint64) error {
	for end := time.Now().Add(growPatience); ; time.Sleep(2 * time.Millisecond) {
		text, err := os.ReadFile(sizeFile)
		if err != nil {
			return err
		}
		sectors, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
		if err != nil {
			return err
		}
		if sectors*sectorSize >= bytes {
			break
		}
		if time.Now().After(end) {
			return conflict("the disk has " + strconv.FormatUint(sectors*sectorSize, 10) + " bytes")
		}
	}
	var about syscall.Statfs_t
	if err := syscall.Statfs(root, &about); err != nil {
		return &os.PathError{Op: "statfs", Path: root, Err: err}
	}
	blocks := bytes / uint64(about.Bsize)
	directory, err := os.Open(root)
	if err != nil {
		return err
	}
	defer directory.Close()
	return ioctl(int(directory.Fd()), ioctlGrow, unsafe.Pointer(&blocks))
}
