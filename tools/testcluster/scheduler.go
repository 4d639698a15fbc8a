package main

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/spf13/cobra"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

const unschedulable = "Unschedulable"

// unwilling is a filter in the real scheduler: no node fits a pod that asks to stay unschedulable.
type unwilling struct{ chosen chooser }

func (*unwilling) Name() string { return unschedulable }

func (u *unwilling) Filter(_ context.Context, _ fwk.CycleState, pod *v1.Pod, _ fwk.NodeInfo) *fwk.Status {
	p := readPlan(pod)
	if p.behaviour != "unschedulable" || !u.chosen.choose(pod, p.onlyPods) {
		return nil
	}
	// Asked again with the next change of a node or pod, at the latest with a node's next heartbeat.
	if time.Since(pod.CreationTimestamp.Time) > p.recoverAfter {
		return nil
	}
	return fwk.NewStatus(fwk.Unschedulable, p.or("Insufficient memory"))
}

func newScheduler() *cobra.Command {
	return scheduler.NewSchedulerCommand(scheduler.WithPlugin(unschedulable,
		func(context.Context, runtime.Object, framework.Handle) (framework.Plugin, error) {
			return &unwilling{}, nil
		}))
}

func writeSchedulerConfig(path, kubeconfig string) error {
	type object = map[string]any
	config, err := json.MarshalIndent(object{
		"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
		"clientConnection": object{"kubeconfig": kubeconfig, "qps": 500, "burst": 1000},
		"leaderElection":   object{"leaderElect": false},
		"profiles": []object{{"schedulerName": "default-scheduler",
			"plugins": object{"filter": object{"enabled": []object{{"name": unschedulable}}}}}},
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, config, 0o600)
}
