package main

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// processInput is what is written to a process: the end of its standard input, or its terminal. Writers take turns, so that
// what one of them writes stays together, and wait while the process does not read.
type processInput struct {
	file *os.File
	turn chan struct{} // holds the turn that is taken
}

func newProcessInput(file *os.File) *processInput {
	return &processInput{file: file, turn: make(chan struct{}, 1)}
}

// write returns when all of it is in the pipe, or ctx has ended.
func (p *processInput) write(ctx context.Context, bytes []byte) error {
	if err := p.take(ctx); err != nil {
		return err
	}
	defer p.give()
	_ = p.file.SetWriteDeadline(time.Time{})
	done, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ctx.Done():
			_ = p.file.SetWriteDeadline(time.Unix(1, 0))
		case <-done:
		}
	}()
	_, err := p.file.Write(bytes)
	close(done)
	<-watched
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrClosed), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.EIO):
		return failedPrecondition("the input of the process is closed")
	}
	return err
}

// close ends the input, after what is being written.
func (p *processInput) close(ctx context.Context) error {
	if err := p.take(ctx); err != nil {
		return err
	}
	defer p.give()
	if err := p.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

func (p *processInput) take(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *processInput) give() { <-p.turn }
