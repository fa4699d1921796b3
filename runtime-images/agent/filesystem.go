package main

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// pathRequest is StatRequest, MakeDirRequest and RemoveRequest of package filesystem.
type pathRequest struct {
	Path string `json:"path"`
}

// callerPath is who calls, and the path that they mean.
func (a *agent) callerPath(r *http.Request, path string) (account, string, error) {
	who, err := a.caller(r)
	if err == nil {
		path, err = a.resolve(path, who)
	}
	return who, path, err
}

// answerEntry is StatResponse, MakeDirResponse and MoveResponse.
func answerEntry(path string) (interface{}, error) {
	message, err := new(entryMaker).entry([]byte(`{"entry":`), path)
	if err != nil {
		return nil, err
	}
	return laidOut(append(message, '}')), nil
}

// stat answers filesystem.Filesystem/Stat.
func (a *agent) stat(r *http.Request, ask *pathRequest) (interface{}, error) {
	_, path, err := a.callerPath(r, ask.Path)
	if err != nil {
		return nil, err
	}
	return answerEntry(path)
}

// makeDir answers filesystem.Filesystem/MakeDir. What is missing above is made too, and all that is new is the user's.
func (a *agent) makeDir(r *http.Request, ask *pathRequest) (interface{}, error) {
	who, path, err := a.callerPath(r, ask.Path)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, &os.PathError{Op: "mkdir", Path: path, Err: syscall.EEXIST}
	}
	if err := makeDirs(path, who); err != nil {
		return nil, err
	}
	return answerEntry(path)
}

// moveRequest is filesystem.MoveRequest.
type moveRequest struct {
	Source      string `json:"source"`
	Destination string `json:"destination"`
}

// move answers filesystem.Filesystem/Move.
func (a *agent) move(r *http.Request, ask *moveRequest) (interface{}, error) {
	who, source, err := a.callerPath(r, ask.Source)
	if err != nil {
		return nil, err
	}
	destination, err := a.resolve(ask.Destination, who)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(source); err != nil {
		return nil, err
	}
	if err := makeDirs(filepath.Dir(destination), who); err != nil {
		return nil, err
	}
	err = os.Rename(source, destination)
	if errors.Is(err, syscall.EXDEV) {
		err = moveAcross(r, source, destination)
	}
	if err != nil {
		return nil, err
	}
	return answerEntry(destination)
}

// moveAcross moves to another file system, which takes copying: /tmp is one of its own.
func moveAcross(r *http.Request, source, destination string) error {
	said, err := exec.CommandContext(r.Context(), "mv", "-T", "--", source, destination).CombinedOutput()
	if r.Context().Err() != nil {
		return r.Context().Err()
	}
	if err != nil {
		return failedPrecondition("mv: " + shortened(strings.TrimSpace(string(said))))
	}
	return nil
}

// remove answers filesystem.Filesystem/Remove. What is not there needs no removing, as E2B has it.
func (a *agent) remove(r *http.Request, ask *pathRequest) (interface{}, error) {
	_, path, err := a.callerPath(r, ask.Path)
	if err != nil {
		return nil, err
	}
	if path == "/" {
		return nil, invalidArgument("the root cannot be removed")
	}
	return nil, os.RemoveAll(path)
}

// makeDirs makes a directory and those above it, each new one the user's.
func makeDirs(path string, who account) error {
	if info, err := os.Stat(path); err == nil {
		if !info.IsDir() {
			return &os.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
		}
		return nil
	} else if !os.IsNotExist(err) {
		return err
	}
	if err := makeDirs(filepath.Dir(path), who); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		if os.IsExist(err) {
			return nil
		}
		return err
	}
	return os.Lchown(path, int(who.uid), int(who.gid))
}
