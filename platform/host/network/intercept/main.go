// Command intercept opens sockets inside the namespaces of slots for the server,
// which can neither enter a namespace nor set the options that they need.
//
//	intercept            started by the server with a channel of Node's child_process
//
// One process serves all slots of a server and ends with it. The channel is a
// unix socket, its number in NODE_CHANNEL_FD; each message is a line of JSON.
//
//	server    -> {"slot":5,"netns":"/run/netns/thaw-5"}             open
//	intercept -> {"cmd":"NODE_HANDLE","type":"net.Native",          the listener itself
//	              "msg":{"slot":5,"listening":true}}                rides along (SCM_RIGHTS)
//	intercept -> {"slot":5,"error":"netns: no such file"}           or why not
//	intercept -> {"slot":5,"refused":{"protocol":17,"address":"192.0.2.1","port":123}}
//	server    -> {"slot":5,"close":true}                            forget the slot
//
// The listener takes every connection that the slot's rules divert to it
// (tproxy), and so keeps the address that the guest meant. What the rules refuse
// besides, the kernel tells of through nfnetlink_log.
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"runtime"
	"strconv"
)

// longestLine bounds what the server may send in one message.
const longestLine = 64 << 10

type order struct {
	Slot  int    `json:"slot"`
	Netns string `json:"netns"`
	Close bool   `json:"close"`
	// Acknowledgements of Node's own protocol have a command and no slot.
	Command string `json:"cmd"`
}

func main() {
	// The first thread stays where it is: those that enter namespaces end there.
	runtime.LockOSThread()
	fd, err := strconv.Atoi(os.Getenv("NODE_CHANNEL_FD"))
	if err != nil {
		os.Stderr.WriteString("intercept: it is started by the server, with a channel\n")
		os.Exit(2)
	}
	channel := &channel{fd: fd}
	watches := map[int]*os.File{}
	lines := bufio.NewScanner(os.NewFile(uintptr(fd), "channel"))
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		var order order
		if json.Unmarshal(lines.Bytes(), &order) != nil || order.Command != "" {
			continue
		}
		if old := watches[order.Slot]; old != nil {
			old.Close()
			delete(watches, order.Slot)
		}
		if order.Close {
			continue
		}
		listener, log, err := openInside(order.Netns)
		if err != nil {
			channel.say(map[string]any{"slot": order.Slot, "error": err.Error()})
			continue
		}
		watches[order.Slot] = log
		channel.hand(order.Slot, listener)
		go watch(order.Slot, log, channel)
	}
}
