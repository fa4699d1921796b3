package main

import (
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
)

const (
	virtioDevices = "/sys/bus/virtio/devices"
	virtioBlock   = "/sys/bus/virtio/drivers/virtio_blk"
	// blockDeviceID is how a virtio device says that it is a disk; virtio specification, 5.2.1.
	blockDeviceID = "0x0002"
)

// letGoOfDataDisks takes the driver away from every disk but the root's. A template is frozen with empty ones; the kernel
// reads a disk's size when a driver comes to it, so one that is bound after a thaw has the size of what is in it then.
func letGoOfDataDisks() error {
	root, err := rootDevice()
	if err != nil {
		return err
	}
	bound, err := filepath.Glob(virtioBlock + "/virtio*")
	if err != nil {
		return err
	}
	for _, path := range bound {
		if name := filepath.Base(path); name != root {
			if err := os.WriteFile(virtioBlock+"/unbind", []byte(name), 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// rootDevice names the virtio device that `/` is on.
func rootDevice() (string, error) {
	var stat syscall.Stat_t
	if err := syscall.Stat("/", &stat); err != nil {
		return "", err
	}
	major, minor := stat.Dev>>8&0xfff, stat.Dev&0xff // as Linux's makedev has it for small numbers
	link := "/sys/dev/block/" + strconv.FormatUint(major, 10) + ":" + strconv.FormatUint(minor, 10)
	path, err := os.Readlink(link)
	if err != nil {
		return "", err
	}
	// ../../devices/platform/LNRO0005:00/virtio0/block/vda
	return filepath.Base(filepath.Dir(filepath.Dir(path))), nil
}

// unboundDisks lists disks without a driver, in the order of their numbers.
func unboundDisks() ([]string, error) {
	paths, err := filepath.Glob(virtioDevices + "/virtio*")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, path := range paths {
		id, err := os.ReadFile(path + "/device")
		if err != nil || strings.TrimSpace(string(id)) != blockDeviceID {
			continue
		}
		if _, err := os.Lstat(path + "/driver"); os.IsNotExist(err) {
			names = append(names, filepath.Base(path))
		}
	}
	sort.Slice(names, func(i, j int) bool {
		return len(names[i]) < len(names[j]) || len(names[i]) == len(names[j]) && names[i] < names[j]
	})
	return names, nil
}

// bindDisk gives a disk its driver and returns its block device, e.g. `vdb`, and its serial.
func bindDisk(name string) (device, serial string, err error) {
	if err := os.WriteFile(virtioBlock+"/bind", []byte(name), 0); err != nil {
		return "", "", err
	}
	found, err := filepath.Glob(virtioDevices + "/" + name + "/block/*")
	if err != nil || len(found) == 0 {
		return "", "", &os.PathError{Op: "bind", Path: name, Err: syscall.ENXIO}
	}
	text, err := os.ReadFile(found[0] + "/serial")
	if err != nil {
		return "", "", err
	}
	return filepath.Base(found[0]), strings.TrimSpace(string(text)), nil
}

// deviceBytes is the size of a block device as the kernel knows it.
func deviceBytes(device string) (uint64, error) {
	text, err := os.ReadFile("/sys/class/block/" + device + "/size")
	if err != nil {
		return 0, err
	}
	sectors, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return sectors * 512, err
}
