// Command thaw-agent is the host's hand inside a guest: it runs commands, moves files, looks after the one process that the
// guest is for, and renews after a thaw what clones must not share. tini starts it as the only child of PID 1.
package main

import (
	"flag"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"
)

// memoryLimit bounds the agent's own heap, in bytes. The collector runs when it is reached and not before:
// neither on the way of a thaw nor now and then in an idle guest.
const memoryLimit = 32 << 20

func main() {
	var set settings
	flag.StringVar(&set.listen, "listen", "172.16.0.2:1001", "address of the HTTP port")
	flag.StringVar(&set.thawListen, "thaw-listen", "172.16.0.2:1002", "address of the thaw port")
	flag.StringVar(&set.peer, "peer", "172.16.0.1", "the only source address that is let in")
	flag.StringVar(&set.testRoot, "test-root", "", "run as an ordinary process on any machine: nothing of the machine is changed, files go into this folder")
	showVersion := flag.Bool("version", false, "print the version and exit")
	flag.Parse()
	if *showVersion {
		_, _ = os.Stdout.WriteString(version + "\n")
		return
	}
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(memoryLimit)
	runtime.GOMAXPROCS(2)
	if set.testRoot == "" {
		if err := quietMonitor(); err != nil {
			complain(err)
		}
	}
	if err := run(set); err != nil {
		complain(err)
		os.Exit(1)
	}
}

// complain writes to the guest's console.
func complain(err error) {
	_, _ = os.Stderr.WriteString("thaw-agent: " + err.Error() + "\n")
}

// settings are the command line.
type settings struct {
	listen, thawListen, peer, testRoot string
}

// run boots, opens both ports, and serves until one of them fails.
func run(set settings) error {
	guest, err := openGuest(set.testRoot)
	if err != nil {
		return err
	}
	thawAt, err := net.ResolveTCPAddr("tcp4", set.thawListen)
	if err != nil {
		return err
	}
	peer, err := net.ResolveIPAddr("ip4", set.peer)
	if err != nil {
		return err
	}
	port, err := guest.openThawPort(thawAt, peer.IP)
	if err != nil {
		return err
	}
	httpAt, err := net.ResolveTCPAddr("tcp4", set.listen)
	if err != nil {
		return err
	}
	logs := newLogRing(ringBytes, time.Now)
	answers := &agent{
		started: time.Now(),
		root:    set.testRoot,
		lookup:  guest.lookup,
		logs:    logs,
		process: &supervisor{group: guest.group, harden: guest.harden, logs: logs, now: time.Now},
		pending: port.subscribers.pending.Load,
	}
	door, err := openDoor(httpAt, peer.IP, answers)
	if err != nil {
		return err
	}
	server := newServer(answers)
	failed := make(chan error, 3)
	go func() { failed <- port.serve() }()
	go func() { failed <- door.serve() }()
	go func() { failed <- server.Serve(door) }()
	return <-failed
}

// guest is what the agent stands on: a booted guest, or a test's stand-in for one.
type guest struct {
	dir    string // of the subscribers' socket
	steps  thawSteps
	group  *cgroup // nil where there is no cgroup2
	harden func()  // nil for a stand-in
	lookup func(name string) (account, error)
}

// openThawPort opens the thaw port and the subscribers' socket.
func (g *guest) openThawPort(at *net.TCPAddr, peer net.IP) (*thawPort, error) {
	port := &thawPort{answered: -1, steps: g.steps, subscribers: newSubscriberSet(subscribersLimit)}
	port.steps.subscribers = port.subscribers.tell
	page, err := openRenewalPage(filepath.Join(g.dir, "renewal"))
	if err != nil {
		return nil, err
	}
	port.steps.page = page.renew
	copy(port.peer[:], peer.To4())
	var address [4]byte
	copy(address[:], at.IP.To4())
	if port.door, err = listenUnix(filepath.Join(g.dir, "thaw.sock")); err != nil {
		return nil, err
	}
	if port.listener, err = listenTCP(address, at.Port, thawReadLimit); err != nil {
		return nil, err
	}
	return port, nil
}
