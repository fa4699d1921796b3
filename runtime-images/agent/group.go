package main

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// killSession ends a session leader with everything that is still in its process group or its session: a shell with job
// control gives its children groups of their own, so the group alone would not do. What called setsid itself is gone from both.
func killSession(leader int) {
	_ = syscall.Kill(-leader, syscall.SIGKILL)
	for _, pid := range processIDs() {
		if sessionOf(pid) == leader {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// processIDs lists the processes of the guest.
func processIDs() []int {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	ids := make([]int, 0, len(names))
	for _, name := range names {
		if id, err := strconv.Atoi(name); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// sessionOf reads the session id out of /proc/<pid>/stat, or 0 when the process has gone.
// The line is `pid (name) state ppid pgrp session ...`, where the name may hold spaces and brackets.
func sessionOf(pid int) int {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 4 {
		return 0
	}
	session, _ := strconv.Atoi(string(fields[3]))
	return session
}
