package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
)

// watchRequest is filesystem.WatchDirRequest and CreateWatcherRequest. A guest mounts nothing over a network, so
// allowNetworkMounts makes no difference.
type watchRequest struct {
	Path         string `json:"path"`
	Recursive    bool   `json:"recursive"`
	IncludeEntry bool   `json:"includeEntry"`
}

func (a *agent) openWatch(r *http.Request, ask *watchRequest) (*dirWatch, error) {
	_, path, err := a.callerPath(r, ask.Path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &os.PathError{Op: "watch", Path: path, Err: syscall.ENOTDIR}
	}
	return watchDirectory(path, ask.Recursive)
}

// appendChange lays out filesystem.FilesystemEvent. Of what is still there the entry can be told.
func appendChange(to []byte, root string, change fileChange, withEntry bool) []byte {
	to = appendJSON(append(to, `{"name":`...), change.name)
	to = append(append(append(to, `,"type":"EVENT_TYPE_`...), change.kind...), '"')
	if withEntry && change.kind != "REMOVE" && change.kind != "RENAME" {
		before := len(to)
		whole, err := new(entryMaker).entry(append(to, `,"entry":`...), filepath.Join(root, change.name))
		if err != nil { // gone by now
			return append(to[:before], '}')
		}
		to = whole
	}
	return append(to, '}')
}

// watchDir answers filesystem.Filesystem/WatchDir until the caller leaves.
func (a *agent) watchDir(w http.ResponseWriter, r *http.Request) {
	var ask watchRequest
	stream := openStreamOf(w, r, &ask)
	if stream == nil {
		return
	}
	defer stream.close()
	watch, err := a.openWatch(r, &ask)
	if err != nil {
		stream.end(err)
		return
	}
	ctx, cancel := stream.bounded()
	defer cancel()
	changes, failed := make(chan fileChange), make(chan error, 1)
	go func() {
		failed <- watch.follow(func(change fileChange) bool {
			select {
			case changes <- change:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	defer watch.file.Close()
	if stream.sendText(`{"start":{}}`) != nil {
		return
	}
	for {
		select {
		case change := <-changes:
			message := append(stream.begin(), `{"filesystem":`...)
			message = appendChange(message, watch.root, change, ask.IncludeEntry)
			err = stream.send(append(message, '}'))
		case <-stream.ping:
			err = stream.sendText(`{"keepalive":{}}`)
		case err := <-failed:
			stream.end(err)
			return
		case <-ctx.Done():
			if ctx.Err() == context.DeadlineExceeded {
				stream.end(ctx.Err())
			}
			return
		}
		if err != nil {
			return
		}
	}
}
