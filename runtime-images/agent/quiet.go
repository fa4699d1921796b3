package main

import (
	"os"
	"sort"
	"strconv"
)

const (
	prSetTimerSlack = 29 // PR_SET_TIMERSLACK of linux/prctl.h
	// monitorSlack is how late the timers of the Go runtime's monitor may be, in nanoseconds.
	monitorSlack = 10_000_000
	// usualSlack is the kernel's default for every thread, in nanoseconds.
	usualSlack = 50_000
)

// quietMonitor calms the Go runtime's monitor thread. Each time that the process wakes from complete idleness, as it does for a
// thaw, that thread sleeps 20 microseconds some fifty times over: three quarters of all the processor time that a thaw
// costs the agent (measured: 860 microseconds with them, 250 without), and ten times that under an emulator. It cannot be
// turned off, but a thread with a large timer slack sleeps long. The monitor is the first thread that the runtime starts, so it
// has the lowest id after the main thread's.
func quietMonitor() error {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	var ids []int
	for _, entry := range entries {
		if id, err := strconv.Atoi(entry.Name()); err == nil && id > os.Getpid() {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	sort.Ints(ids)
	return os.WriteFile("/proc/"+strconv.Itoa(ids[0])+"/timerslack_ns", []byte(strconv.Itoa(monitorSlack)), 0)
}
