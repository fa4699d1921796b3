package main

import (
	"io"
	"os"
	"syscall"
)

// Of lseek(2): to the next byte that holds data, and to the next that holds none.
const (
	seekData = 3
	seekHole = 4
)

// copyOver writes the parts of `from` that hold data into `to`, which is there already and is not emptied first: a VMM may have it
// mapped while it is filled. cp(1) empties what it copies over.
func copyOver(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer target.Close()
	for at := int64(0); ; {
		begin, err := source.Seek(at, seekData)
		if err != nil {
			if isErrno(err, syscall.ENXIO) { // no data from here on
				return nil
			}
			return err
		}
		if at, err = source.Seek(begin, seekHole); err != nil {
			return err
		}
		if _, err = source.Seek(begin, io.SeekStart); err != nil {
			return err
		}
		if _, err = target.Seek(begin, io.SeekStart); err != nil {
			return err
		}
		// By copy_file_range(2), so the bytes do not come by here.
		if _, err = target.ReadFrom(io.LimitReader(source, at-begin)); err != nil {
			return err
		}
	}
}

func isErrno(err error, wanted syscall.Errno) bool {
	failed, ok := err.(*os.PathError)
	return ok && failed.Err == wanted
}
