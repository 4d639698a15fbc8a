package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type child struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	err  error
}

// children are the processes of one cluster; the first one to end is told by `died`.
type children struct {
	dir  string
	all  []*child
	died chan *child
}

// start must be called from the main thread: the death signal follows the thread, not the process.
func (c *children) start(role string, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log := filepath.Join(c.dir, "logs", role+".log")
	out, err := os.Create(log)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(self, append([]string{role}, args...)...)
	cmd.Stdout, cmd.Stderr = out, out
	// Their own group keeps a Ctrl-C in the terminal for the parent, which ends them in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	pid := strconv.Itoa(cmd.Process.Pid)
	if err := os.WriteFile(filepath.Join(c.dir, "pids", role), []byte(pid+"\n"), 0o644); err != nil {
		return err
	}
	k := &child{name: role, cmd: cmd, log: log, done: make(chan struct{})}
	c.all = append(c.all, k)
	go func() {
		k.err = cmd.Wait()
		close(k.done)
		select {
		case c.died <- k:
		default:
		}
	}()
	return nil
}

// stop ends the children in reverse order; nothing in a test cluster is worth a long goodbye.
func (c *children) stop() {
	for i := len(c.all) - 1; i >= 0; i-- {
		k := c.all[i]
		_ = k.cmd.Process.Signal(syscall.SIGCONT)
		if k.name != "etcd" && k.name != "node" {
			_ = k.cmd.Process.Kill()
		} else {
			_ = k.cmd.Process.Signal(syscall.SIGTERM)
		}
		select {
		case <-k.done:
		case <-time.After(2 * time.Second):
			_ = k.cmd.Process.Kill()
			<-k.done
		}
	}
}

// obituary says who ended, how, and its last words.
func (k *child) obituary() string {
	how := "exited"
	if k.err != nil {
		how = k.err.Error()
	}
	return fmt.Sprintf("testcluster: %s ended (%s); last lines of %s:\n%s", k.name, how, k.log, tail(k.log, 15))
}

func tail(path string, lines int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(string(bytes.TrimSpace(b)), "\n")
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return "  " + strings.Join(all, "\n  ")
}

// freePorts picks below the kernel's ephemeral range, so that no outgoing connection takes a port before its child does.
func freePorts(n int) ([]int, error) {
	var ports []int
	for tries := 0; tries < 1000; tries++ {
		port := 20000 + rand.Intn(12000)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		defer l.Close()
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, errors.New("no free loopback ports")
}
