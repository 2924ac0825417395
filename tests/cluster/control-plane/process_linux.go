package main

import "syscall"

// attributes ends a part with its parent, even one that was killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
