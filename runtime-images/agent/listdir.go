package main

import (
	"net/http"
	"os"
	"path/filepath"
	"syscall"
)

// listingMost bounds the answer of ListDir, in bytes: some 100,000 entries.
const listingMost = 32 << 20

// listRequest is filesystem.ListDirRequest.
type listRequest struct {
	Path  string `json:"path"`
	Depth uint32 `json:"depth"` // of directories below; 0 is 1, which is the directory's own entries
}

// listDir answers filesystem.Filesystem/ListDir: entries by name, each directory before what is in it. Symlinks below are not
// followed.
func (a *agent) listDir(r *http.Request, ask *listRequest) (interface{}, error) {
	_, path, err := a.callerPath(r, ask.Path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = &os.PathError{Op: "list", Path: path, Err: syscall.ENOTDIR}
	}
	if err != nil {
		return nil, err
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	depth := ask.Depth
	if depth == 0 {
		depth = 1
	}
	listing := &listing{text: []byte(`{"entries":[`)}
	if err := listing.add(r, real, path, depth); err != nil {
		return nil, err
	}
	return laidOut(append(listing.text, "]}"...)), nil
}

type listing struct {
	maker entryMaker
	text  []byte
	some  bool
}

// add lists the directory at path, which is shown as if it were at shown. What vanishes meanwhile is left out.
func (l *listing) add(r *http.Request, path, shown string, depth uint32) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := r.Context().Err(); err != nil {
			return err
		}
		info, err := entry.Info()
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		if l.some {
			l.text = append(l.text, ',')
		}
		l.some = true
		at, seen := filepath.Join(path, entry.Name()), filepath.Join(shown, entry.Name())
		l.text = l.maker.describe(l.text, at, seen, info)
		if len(l.text) > listingMost {
			return &connectError{code: codeResourceExhausted, message: "the listing is larger than 32 MiB; ask for less depth"}
		}
		if depth > 1 && entry.IsDir() {
			if err := l.add(r, at, seen, depth-1); err != nil && !os.IsNotExist(err) {
				return err
			}
		}
	}
	return nil
}
