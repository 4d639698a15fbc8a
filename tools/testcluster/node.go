package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	coordv1 "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// node is the one process that stands in for every kubelet, the container runtime, and the metrics server.
type node struct {
	config *rest.Config
	client kubernetes.Interface
	pki    string
	nodes  int
	port   int32
	pods   *pods
}

func runNode() int {
	f := flag.NewFlagSet("node", flag.ExitOnError)
	kubeconfig := f.String("kubeconfig", "", "kubeconfig of an administrator")
	pki := f.String("pki", "", "directory with ca.crt, node.crt and node.key")
	count := f.Int("nodes", 2, "number of nodes")
	_ = f.Parse(os.Args[1:])
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	config, err := restConfig(*kubeconfig)
	if err != nil {
		log.Print(err)
		return 1
	}
	n := &node{config: config, client: kubernetes.NewForConfigOrDie(config), pki: *pki, nodes: *count}
	if err := n.run(ctx); err != nil {
		log.Print(err)
		return 1
	}
	return 0
}

func nodeName(i int) string { return fmt.Sprintf("node-%d", i) }

func (n *node) run(ctx context.Context) error {
	n.pods = newPods(n.client)
	port, served, err := n.serve()
	if err != nil {
		return err
	}
	n.port = port
	for i := 1; i <= n.nodes; i++ {
		name := nodeName(i)
		if err := until(ctx, name, func() error { return n.register(ctx, name) }); err != nil {
			return err
		}
		go n.beat(ctx, name)
	}
	if err := until(ctx, "the metrics API", func() error { return n.registerMetrics(ctx) }); err != nil {
		return err
	}
	n.pods.watch(ctx)
	select {
	case <-ctx.Done():
		return nil
	case err := <-served:
		return err
	}
}

func (n *node) register(ctx context.Context, name string) error {
	capacity := v1.ResourceList{
		v1.ResourceCPU: resource.MustParse("64"), v1.ResourceMemory: resource.MustParse("256Gi"),
		v1.ResourcePods: resource.MustParse("2000"), v1.ResourceEphemeralStorage: resource.MustParse("1Ti"),
	}
	object := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			v1.LabelHostname: name, v1.LabelOSStable: "linux", v1.LabelArchStable: "amd64",
		}},
		Status: v1.NodeStatus{
			Capacity: capacity, Allocatable: capacity,
			Conditions: nodeConditions(),
			Addresses: []v1.NodeAddress{
				{Type: v1.NodeInternalIP, Address: "127.0.0.1"}, {Type: v1.NodeHostName, Address: name},
			},
			DaemonEndpoints: v1.NodeDaemonEndpoints{KubeletEndpoint: v1.DaemonEndpoint{Port: n.port}},
			NodeInfo: v1.NodeSystemInfo{
				OperatingSystem: "linux", Architecture: "amd64", KubeletVersion: "v1.34.4", OSImage: "testcluster",
				KernelVersion: "6.1.0", ContainerRuntimeVersion: "containerd://1.7.27",
			},
		},
	}
	if _, err := n.client.CoreV1().Nodes().Create(ctx, object, metav1.CreateOptions{}); ignoreExists(err) != nil {
		return err
	}
	return n.renew(ctx, name)
}

func nodeConditions() []v1.NodeCondition {
	now := metav1.Now()
	var out []v1.NodeCondition
	for _, c := range []struct {
		kind            v1.NodeConditionType
		status          v1.ConditionStatus
		reason, message string
	}{
		{v1.NodeMemoryPressure, v1.ConditionFalse, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"},
		{v1.NodeDiskPressure, v1.ConditionFalse, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"},
		{v1.NodePIDPressure, v1.ConditionFalse, "KubeletHasSufficientPID", "kubelet has sufficient PID available"},
		{v1.NodeReady, v1.ConditionTrue, "KubeletReady", "kubelet is posting ready status"},
	} {
		out = append(out, v1.NodeCondition{Type: c.kind, Status: c.status, Reason: c.reason, Message: c.message,
			LastHeartbeatTime: now, LastTransitionTime: now})
	}
	return out
}

const leaseNamespace = "kube-node-lease"

func (n *node) renew(ctx context.Context, name string) error {
	leases := n.client.CoordinationV1().Leases(leaseNamespace)
	now, seconds := metav1.NowMicro(), int32(40)
	lease, err := leases.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		_, err = leases.Create(ctx, &coordv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       coordv1.LeaseSpec{HolderIdentity: &name, LeaseDurationSeconds: &seconds, RenewTime: &now},
		}, metav1.CreateOptions{})
		return err
	}
	lease.Spec.RenewTime = &now
	_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}

// beat renews the lease as a kubelet does; a suspended or dead process lets the nodes go NotReady.
func (n *node) beat(ctx context.Context, name string) {
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(8 * time.Second):
		}
		if err := n.renew(ctx, name); err != nil {
			log.Printf("lease of %s: %v", name, err)
		}
		if i%4 == 0 {
			n.refresh(ctx, name)
		}
	}
}

func (n *node) refresh(ctx context.Context, name string) {
	object, err := n.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err == nil {
		old := object.Status.Conditions
		object.Status.Conditions = nodeConditions()
		for i := range object.Status.Conditions {
			for _, o := range old {
				if c := &object.Status.Conditions[i]; o.Type == c.Type && o.Status == c.Status {
					c.LastTransitionTime = o.LastTransitionTime
				}
			}
		}
		_, err = n.client.CoreV1().Nodes().UpdateStatus(ctx, object, metav1.UpdateOptions{})
	}
	if err != nil {
		log.Printf("status of %s: %v", name, err)
	}
}
