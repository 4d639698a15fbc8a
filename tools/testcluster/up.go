package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	serviceRange = "10.96.0.0/16"
	serviceIP    = "10.96.0.1"
	marker       = ".testcluster"
)

type options struct {
	dir          string
	nodes        int
	wait         time.Duration
	compactEvery time.Duration
	apiserver    repeated
	controllers  repeated
	scheduler    repeated
}

type repeated []string

func (r *repeated) String() string     { return strings.Join(*r, " ") }
func (r *repeated) Set(s string) error { *r = append(*r, s); return nil }

func runUp() int {
	var o options
	f := flag.NewFlagSet("up", flag.ExitOnError)
	f.StringVar(&o.dir, "dir", "", "the cluster's directory, emptied at each start")
	f.IntVar(&o.nodes, "nodes", 2, "number of nodes")
	f.DurationVar(&o.wait, "wait", time.Minute, "how long to wait until everything is ready")
	f.DurationVar(&o.compactEvery, "compact-every", 5*time.Minute, "how often the store forgets old versions")
	f.Var(&o.apiserver, "apiserver-arg", "one more argument for kube-apiserver; repeatable")
	f.Var(&o.controllers, "controller-manager-arg", "one more argument for kube-controller-manager; repeatable")
	f.Var(&o.scheduler, "scheduler-arg", "one more argument for kube-scheduler; repeatable")
	_ = f.Parse(os.Args[1:])
	if o.dir == "" || f.NArg() > 0 {
		f.Usage()
		return 2
	}
	if err := up(&o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func up(o *options) error {
	begun := time.Now()
	// Caught from the start on, so that a signal during the start leaves no child behind either.
	term := make(chan os.Signal, 2)
	signal.Notify(term, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	dir, err := resetDir(o.dir)
	if err != nil {
		return err
	}
	o.dir = dir
	kids := &children{dir: dir, died: make(chan *child, 1)}
	defer kids.stop()
	ctx, cancel := context.WithTimeout(context.Background(), o.wait)
	defer cancel()
	if err := launch(o, kids); err != nil {
		return err
	}
	admin := filepath.Join(dir, "kubeconfig")
	serving, ready := make(chan error, 1), make(chan error, 1)
	go func() { serving <- waitServing(ctx, admin) }()
	for {
		select {
		case err := <-serving:
			if err == nil {
				err = launchClients(o, kids, admin)
			}
			if err != nil {
				return err
			}
			go func() { ready <- bootstrap(ctx, admin, o.nodes) }()
		case <-term:
			return nil
		case k := <-kids.died:
			return errors.New(k.obituary())
		case err := <-ready:
			if err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "testcluster: up after %.1f s\n", time.Since(begun).Seconds())
			fmt.Printf("ready kubeconfig=%s\n", filepath.Join(dir, "kubeconfig"))
		}
	}
}

func launch(o *options, kids *children) error {
	p, err := freePorts(3)
	if err != nil {
		return err
	}
	etcdAddr, peerAddr := fmt.Sprintf("127.0.0.1:%d", p[0]), fmt.Sprintf("127.0.0.1:%d", p[1])
	if err := kids.start("etcd", "--dir="+filepath.Join(o.dir, "etcd"), "--client="+etcdAddr, "--peer="+peerAddr); err != nil {
		return err
	}
	if err := writeIdentities(o.dir, fmt.Sprintf("https://127.0.0.1:%d", p[2])); err != nil {
		return err
	}
	return kids.start("apiserver", apiserverArgs(o, etcdAddr, p[2])...)
}

// launchClients comes when the apiserver serves: started earlier they would back off, and be late.
func launchClients(o *options, kids *children, admin string) error {
	if err := kids.start("node", "--kubeconfig="+admin, "--pki="+filepath.Join(o.dir, "pki"),
		fmt.Sprintf("--nodes=%d", o.nodes)); err != nil {
		return err
	}
	if err := kids.start("controller-manager", append(controllerArgs(o, admin), o.controllers...)...); err != nil {
		return err
	}
	config := filepath.Join(o.dir, "scheduler.json")
	if err := writeSchedulerConfig(config, admin); err != nil {
		return err
	}
	return kids.start("scheduler", append([]string{"--config=" + config, "--secure-port=0"}, o.scheduler...)...)
}

func apiserverArgs(o *options, etcdAddr string, port int) []string {
	pki := func(name string) string { return filepath.Join(o.dir, "pki", name) }
	return append([]string{
		"--etcd-servers=http://" + etcdAddr,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port),
		"--endpoint-reconciler-type=none", "--service-cluster-ip-range=" + serviceRange,
		"--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount", "--allow-privileged=true",
		"--client-ca-file=" + pki("ca.crt"), "--token-auth-file=" + pki("tokens.csv"),
		"--tls-cert-file=" + pki("apiserver.crt"), "--tls-private-key-file=" + pki("apiserver.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + pki("serviceaccount.key"),
		"--service-account-signing-key-file=" + pki("serviceaccount.key"),
		"--kubelet-client-certificate=" + pki("kubelet-client.crt"),
		"--kubelet-client-key=" + pki("kubelet-client.key"),
		"--kubelet-certificate-authority=" + pki("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
		"--requestheader-client-ca-file=" + pki("ca.crt"), "--requestheader-allowed-names=aggregator",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + pki("aggregator.crt"), "--proxy-client-key-file=" + pki("aggregator.key"),
		"--enable-aggregator-routing=false", "--etcd-compaction-interval=" + o.compactEvery.String(),
		"--profiling=false", "--shutdown-delay-duration=0s",
	}, o.apiserver...)
}

func controllerArgs(o *options, admin string) []string {
	return []string{
		"--kubeconfig=" + admin, "--leader-elect=false", "--secure-port=0", "--use-service-account-credentials=false",
		"--controllers=" + strings.Join([]string{
			"replicationcontroller-controller", "replicaset-controller", "garbage-collector-controller",
			"namespace-controller", "horizontal-pod-autoscaler-controller", "endpoints-controller",
			"endpointslice-controller", "resourcequota-controller", "pod-garbage-collector-controller",
			"node-lifecycle-controller", "taint-eviction-controller", "clusterrole-aggregation-controller",
		}, ","),
		"--kube-api-qps=500", "--kube-api-burst=1000",
		"--horizontal-pod-autoscaler-sync-period=2s", "--horizontal-pod-autoscaler-downscale-stabilization=4s",
		"--horizontal-pod-autoscaler-cpu-initialization-period=1s",
		"--horizontal-pod-autoscaler-initial-readiness-delay=1s",
		"--concurrent-horizontal-pod-autoscaler-syncs=5", "--node-monitor-period=1s",
		"--service-account-private-key-file=" + filepath.Join(o.dir, "pki", "serviceaccount.key"),
		"--root-ca-file=" + filepath.Join(o.dir, "pki", "ca.crt"),
	}
}

// resetDir empties the directory, but only one that is ours: a mistyped --dir must not cost a home.
func resetDir(given string) (string, error) {
	dir, err := filepath.Abs(given)
	if err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dir, marker)); err != nil && len(entries) > 0 {
		return "", fmt.Errorf("testcluster: %s is neither empty nor a test cluster's directory", dir)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return "", err
		}
	}
	for _, sub := range []string{"logs", "pids", "pki"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return "", err
		}
	}
	return dir, os.WriteFile(filepath.Join(dir, marker), nil, 0o600)
}
