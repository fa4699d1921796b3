package main

import (
	"bytes"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// metricsAnswer is the body of GET /metrics, by E2B's schema. Sizes are in bytes where their names say nothing else.
type metricsAnswer struct {
	Time        int64   `json:"ts"` // seconds since 1970
	CPUs        int     `json:"cpu_count"`
	CPUUsed     float64 `json:"cpu_used_pct"` // of all processors, since it was asked last
	Memory      uint64  `json:"mem_total"`
	MemoryUsed  uint64  `json:"mem_used"`
	MemoryCache uint64  `json:"mem_cache"`
	MemoryMiB   uint64  `json:"mem_total_mib"`
	UsedMiB     uint64  `json:"mem_used_mib"`
	Disk        uint64  `json:"disk_total"`
	DiskUsed    uint64  `json:"disk_used"`
}

// metrics answers GET /metrics. Nothing is sampled in the background; everything is read when asked.
func (a *agent) metrics(w http.ResponseWriter, _ *http.Request) {
	answer := metricsAnswer{Time: time.Now().Unix(), CPUs: runtime.NumCPU(), CPUUsed: a.busy.percent()}
	if table, err := os.ReadFile("/proc/meminfo"); err == nil {
		answer.Memory = meminfo(table, "MemTotal:")
		answer.MemoryCache = meminfo(table, "Cached:")
		answer.MemoryUsed = answer.Memory - meminfo(table, "MemAvailable:")
		answer.MemoryMiB, answer.UsedMiB = answer.Memory>>20, answer.MemoryUsed>>20
	}
	var disk syscall.Statfs_t
	if syscall.Statfs("/", &disk) == nil {
		answer.Disk = disk.Blocks * uint64(disk.Bsize)
		answer.DiskUsed = (disk.Blocks - disk.Bfree) * uint64(disk.Bsize)
	}
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

// busyMeter tells how busy the processors were between two questions.
type busyMeter struct {
	mu         sync.Mutex
	busy, idle uint64 // at the last one, in ticks since boot
}

// percent is 0 to 100; the first answer is about the time since boot.
func (m *busyMeter) percent() float64 {
	busy, idle := processorTicks()
	m.mu.Lock()
	defer m.mu.Unlock()
	used, all := busy-m.busy, busy+idle-m.busy-m.idle
	m.busy, m.idle = busy, idle
	if all == 0 {
		return 0
	}
	return 100 * float64(used) / float64(all)
}

// processorTicks reads the first row of /proc/stat: `cpu user nice system idle iowait irq softirq steal ...`.
func processorTicks() (busy, idle uint64) {
	table, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	fields := bytes.Fields(bytes.SplitN(table, []byte{'\n'}, 2)[0])
	for i := 1; i < len(fields) && i <= 8; i++ {
		ticks, _ := strconv.ParseUint(string(fields[i]), 10, 64)
		if i == 4 || i == 5 {
			idle += ticks
		} else {
			busy += ticks
		}
	}
	return busy, idle
}
