// Command testcluster runs a real Kubernetes control plane for tests, with a stand-in for the nodes.
package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

// A child's death signal is tied to the thread that started it, so main keeps the first thread for itself.
func init() { runtime.LockOSThread() }

func main() {
	roles := map[string]func() int{
		"etcd":               runEtcd,
		"apiserver":          component(apiserver.NewAPIServerCommand),
		"controller-manager": component(manager.NewControllerManagerCommand),
		"scheduler":          component(newScheduler),
		"node":               runNode,
		"up":                 runUp,
		"kubectl":            runKubectl,
		"kubeconfig":         runKubeconfig,
	}
	if len(os.Args) < 2 || roles[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: testcluster up --dir D | kubectl ARGS | kubeconfig | etcd | apiserver | controller-manager | scheduler | node")
		os.Exit(2)
	}
	role := roles[os.Args[1]]
	os.Args = append(os.Args[:1], os.Args[2:]...)
	os.Exit(role())
}

func component(make func() *cobra.Command) func() int {
	return func() int { return cli.Run(make()) }
}

func runKubectl() int {
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		return 1
	}
	return 0
}
