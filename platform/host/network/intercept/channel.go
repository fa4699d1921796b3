package main

import (
	"encoding/json"
	"os"
	"sync"
	"syscall"
)

// channel speaks the lines of Node's child_process, one message at a time.
type channel struct {
	fd    int
	mutex sync.Mutex
}

// say sends one message.
func (c *channel) say(message any) {
	c.send(message, nil)
}

// hand sends a listening socket to the server and closes it here.
func (c *channel) hand(slot int, listener int) {
	c.send(map[string]any{
		"cmd":  "NODE_HANDLE",
		"type": "net.Native",
		"msg":  map[string]any{"slot": slot, "listening": true},
	}, syscall.UnixRights(listener))
	_ = syscall.Close(listener)
}

// send ends the process when the server is gone.
func (c *channel) send(message any, rights []byte) {
	text, err := json.Marshal(message)
	if err != nil {
		return
	}
	text = append(text, '\n')
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for len(text) > 0 {
		n, err := syscall.SendmsgN(c.fd, text, rights, nil, syscall.MSG_NOSIGNAL)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			os.Exit(0)
		}
		text, rights = text[n:], nil
	}
}
