package main

import (
	"encoding/json"
	"errors"
	"path"
	"strings"
)

// Bind shows one path of the host inside the root.
type Bind struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Writable bool   `json:"writable"`
}

// Spec is everything the jail is told; sizes in bytes.
type Spec struct {
	Netns     string            `json:"netns"`           // path of the network namespace, empty = stay
	Keep      bool              `json:"keepConnections"` // leave the namespace's tracked connections as they are
	Tap       string            `json:"tap"`             // name of the tap in it, empty = none
	Monitor   string            `json:"monitor"`         // path of the unix socket to listen on
	State     string            `json:"state"`           // file with saved device state, empty = none
	Root      string            `json:"root"`            // empty directory that the root is mounted on
	Binds     []Bind            `json:"binds"`
	Devices   []string          `json:"devices"` // device nodes, at the same paths inside
	Links     map[string]string `json:"links"`   // symbolic links inside the root: name -> target
	UID       int               `json:"uid"`
	GID       int               `json:"gid"`
	FileLimit uint64            `json:"fileLimit"` // largest file the VMM may write
	FileMost  uint64            `json:"fileMost"`  // what its user may raise that to, 0 = nothing more
	Argv      []string          `json:"argv"`
}

// readSpec reads what the host tells, and refuses what would be no jail.
func readSpec(text string) (*Spec, error) {
	var spec Spec
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&spec); err != nil {
		return nil, err
	}
	switch {
	case len(spec.Argv) == 0:
		return nil, errors.New("there is no program")
	case spec.UID <= 0 || spec.GID <= 0:
		return nil, errors.New("the program must be a plain user")
	case !path.IsAbs(spec.Root) || path.Clean(spec.Root) == "/":
		return nil, errors.New("the root must be a directory of its own")
	}
	for _, bind := range spec.Binds {
		if !isInside(bind.To) {
			return nil, errors.New("a bind leaves the root: " + bind.To)
		}
	}
	for _, device := range spec.Devices {
		if !isInside(device) {
			return nil, errors.New("a device leaves the root: " + device)
		}
	}
	for name := range spec.Links {
		if !isInside("/" + name) {
			return nil, errors.New("a link leaves the root: " + name)
		}
	}
	return &spec, nil
}

// isInside is true for a plain absolute path below the root.
func isInside(name string) bool {
	return path.IsAbs(name) && name != "/" && path.Clean(name) == name
}
