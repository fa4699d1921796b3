package main

import (
	"strconv"
	"syscall"
)

// signalNames: the names of signal(7) on amd64 and arm64; package syscall only has sentences for them.
var signalNames = [...]string{
	1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
	9: "SIGKILL", 10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM",
	16: "SIGSTKFLT", 17: "SIGCHLD", 18: "SIGCONT", 19: "SIGSTOP", 20: "SIGTSTP", 21: "SIGTTIN", 22: "SIGTTOU",
	23: "SIGURG", 24: "SIGXCPU", 25: "SIGXFSZ", 26: "SIGVTALRM", 27: "SIGPROF", 28: "SIGWINCH", 29: "SIGIO",
	30: "SIGPWR", 31: "SIGSYS",
}

func signalName(signal syscall.Signal) string {
	if signal > 0 && int(signal) < len(signalNames) {
		return signalNames[signal]
	}
	return "SIG" + strconv.Itoa(int(signal))
}

// ending is how a process ended: one of the two is set, or neither while it runs.
type ending struct {
	Code   *int    `json:"code"`
	Signal *string `json:"signal"`
}

func endingOf(status syscall.WaitStatus) ending {
	if status.Signaled() {
		name := signalName(status.Signal())
		return ending{Signal: &name}
	}
	code := status.ExitStatus()
	return ending{Code: &code}
}

// statusText is how E2B's schema words an ending, as Go does: `exit status 1`, `signal: killed`.
func statusText(status syscall.WaitStatus) string {
	if !status.Signaled() {
		return "exit status " + strconv.Itoa(status.ExitStatus())
	}
	text := "signal: " + status.Signal().String()
	if status.CoreDump() {
		text += " (core dumped)"
	}
	return text
}
