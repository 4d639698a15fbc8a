package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"
)

// serve opens the kubelets' and the metrics server's common port; only the apiserver's certificates get in.
func (n *node) serve() (int32, <-chan error, error) {
	pool := x509.NewCertPool()
	ca, err := os.ReadFile(filepath.Join(n.pki, "ca.crt"))
	if err != nil {
		return 0, nil, err
	}
	pool.AppendCertsFromPEM(ca)
	cert, err := tls.LoadX509KeyPair(filepath.Join(n.pki, "node.crt"), filepath.Join(n.pki, "node.key"))
	if err != nil {
		return 0, nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", n.containerLogs)
	n.serveMetrics(mux)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS12,
	}}
	failed := make(chan error, 1)
	go func() { failed <- server.ServeTLS(listener, "", "") }()
	return int32(listener.Addr().(*net.TCPAddr).Port), failed, nil
}

type logOptions struct {
	follow, timestamps bool
	tail, limit        int64
	since              time.Time
}

func readLogOptions(q url.Values) (o logOptions, err error) {
	number := func(key string) (int64, error) {
		if q.Get(key) == "" {
			return -1, nil
		}
		return strconv.ParseInt(q.Get(key), 10, 64)
	}
	if o.tail, err = number("tailLines"); err != nil {
		return o, err
	}
	if o.limit, err = number("limitBytes"); err != nil {
		return o, err
	}
	seconds, err := number("sinceSeconds")
	if err != nil {
		return o, err
	}
	if seconds >= 0 {
		o.since = time.Now().Add(-time.Duration(seconds) * time.Second)
	} else if at := q.Get("sinceTime"); at != "" {
		if o.since, err = time.Parse(time.RFC3339, at); err != nil {
			return o, err
		}
	}
	o.follow, o.timestamps = q.Get("follow") == "true", q.Get("timestamps") == "true"
	return o, nil
}

func (n *node) containerLogs(w http.ResponseWriter, q *http.Request) {
	r := n.pods.find(q.PathValue("namespace"), q.PathValue("pod"))
	if r == nil {
		http.Error(w, fmt.Sprintf("pod %q does not exist", q.PathValue("pod")), http.StatusNotFound)
		return
	}
	o, err := readLogOptions(q.URL.Query())
	var box *instance
	if err == nil {
		box, err = r.logOf(q.PathValue("container"), q.URL.Query().Get("previous") == "true")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(http.StatusOK)
	flush, _ := w.(http.Flusher)
	lines, more := box.text()
	sent := len(lines)
	if o.tail >= 0 && int64(len(lines)) > o.tail {
		lines = lines[int64(len(lines))-o.tail:]
	}
	for {
		for _, l := range lines {
			if l.at.Before(o.since) {
				continue
			}
			text := l.text + "\n"
			if o.timestamps {
				text = l.at.UTC().Format("2006-01-02T15:04:05.000000000Z07:00") + " " + text
			}
			if o.limit >= 0 {
				text = text[:min(int64(len(text)), o.limit)]
				o.limit -= int64(len(text))
			}
			if _, err := w.Write([]byte(text)); err != nil || o.limit == 0 {
				return
			}
		}
		flush.Flush()
		if !o.follow || !more || r.exists.Err() != nil || !sleep(q.Context(), 100*time.Millisecond) {
			return
		}
		lines, more = box.text()
		had := sent
		sent = len(lines)
		lines = lines[min(had, sent):]
	}
}

// logOf chooses the instance, and words the refusals, as a kubelet does.
func (r *run) logOf(container string, previous bool) (*instance, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var c *v1.ContainerStatus
	for i := range r.status.ContainerStatuses {
		if r.status.ContainerStatuses[i].Name == container {
			c = &r.status.ContainerStatuses[i]
		}
	}
	if c == nil {
		return nil, fmt.Errorf("container %q in pod %q is not available", container, r.pod.Name)
	}
	last := c.LastTerminationState.Terminated
	id := ""
	switch {
	case previous && last == nil:
		return nil, fmt.Errorf("previous terminated container %q in pod %q not found", container, r.pod.Name)
	case previous:
		id = last.ContainerID
	case c.State.Running != nil:
		id = c.ContainerID
	case c.State.Terminated != nil:
		id = c.State.Terminated.ContainerID
	case last != nil:
		id = last.ContainerID
	case c.State.Waiting != nil:
		why := c.State.Waiting.Reason
		switch why {
		case "ErrImagePull":
			why = "image can't be pulled"
		case "ImagePullBackOff":
			why = "trying and failing to pull image"
		}
		return nil, fmt.Errorf("container %q in pod %q is waiting to start: %s", container, r.pod.Name, why)
	}
	for _, b := range r.instances[container] {
		if b.id == id {
			return b, nil
		}
	}
	return nil, fmt.Errorf("unable to retrieve container logs for %s", id)
}
