package main

import (
	"bytes"
	"net/http"
	"os"
	"strconv"
	"syscall"
)

// metricsAnswer is the body of GET /metrics. Sizes are in bytes.
type metricsAnswer struct {
	Memory struct {
		Total     uint64 `json:"totalBytes"`
		Available uint64 `json:"availableBytes"`
	} `json:"memory"`
	Load1 float64 `json:"load1"`
	Disk  struct {
		Total uint64 `json:"totalBytes"`
		Free  uint64 `json:"freeBytes"`
	} `json:"disk"`
	Processes int `json:"processes"`
}

// metrics answers GET /metrics. Nothing is sampled in the background; everything is read when asked.
func (a *agent) metrics(w http.ResponseWriter, _ *http.Request) {
	var answer metricsAnswer
	if table, err := os.ReadFile("/proc/meminfo"); err == nil {
		answer.Memory.Total = meminfo(table, "MemTotal:")
		answer.Memory.Available = meminfo(table, "MemAvailable:")
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		if fields := bytes.Fields(load); len(fields) > 0 {
			answer.Load1, _ = strconv.ParseFloat(string(fields[0]), 64)
		}
	}
	var disk syscall.Statfs_t
	if syscall.Statfs("/", &disk) == nil {
		answer.Disk.Total = disk.Blocks * uint64(disk.Bsize)
		answer.Disk.Free = disk.Bavail * uint64(disk.Bsize)
	}
	answer.Processes = len(processIDs())
	answerJSON(w, http.StatusOK, answer)
}

// meminfo finds a row `Name:   123 kB` of /proc/meminfo, in bytes.
func meminfo(table []byte, name string) uint64 {
	for _, row := range bytes.Split(table, []byte{'\n'}) {
		if fields := bytes.Fields(row); len(fields) >= 2 && string(fields[0]) == name {
			kib, _ := strconv.ParseUint(string(fields[1]), 10, 64)
			return kib << 10
		}
	}
	return 0
}
