// Command testcluster runs a real Kubernetes control plane for tests, with a stand-in for the nodes.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func main() {
	roles := map[string]func() int{
		"etcd":               runEtcd,
		"apiserver":          component(apiserver.NewAPIServerCommand),
		"controller-manager": component(manager.NewControllerManagerCommand),
		"scheduler":          component(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
		"node":               runNode,
		"up":                 runUp,
	}
	if len(os.Args) < 2 || roles[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: testcluster up --dir D | etcd | apiserver | controller-manager | scheduler | node")
		os.Exit(2)
	}
	role := roles[os.Args[1]]
	os.Args = append(os.Args[:1], os.Args[2:]...)
	os.Exit(role())
}

func component(make func() *cobra.Command) func() int {
	return func() int { return cli.Run(make()) }
}
