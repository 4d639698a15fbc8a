package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	appslisters "k8s.io/client-go/listers/apps/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
)

// pods holds every pod that is bound to one of our nodes, each with its own life.
type pods struct {
	client      kubernetes.Interface
	recorders   record.EventBroadcaster
	recorder    record.EventRecorder
	controllers corelisters.ReplicationControllerLister
	sets        appslisters.ReplicaSetLister

	chosen chooser

	mu     sync.Mutex
	runs   map[types.UID]*run
	pulled map[string]bool
	lastIP int
}

func newPods(client kubernetes.Interface) *pods {
	p := &pods{client: client, runs: map[types.UID]*run{}, pulled: map[string]bool{}}
	// A kubelet's limit of 25 events for a pod would be hit at once by our shortened back-offs.
	p.recorders = record.NewBroadcasterWithCorrelatorOptions(record.CorrelatorOptions{BurstSize: 1000, QPS: 10})
	p.recorder = p.recorders.NewRecorder(scheme.Scheme, v1.EventSource{Component: "kubelet"})
	return p
}

func (p *pods) watch(ctx context.Context) {
	p.recorders.StartRecordingToSink(&corev1.EventSinkImpl{Interface: p.client.CoreV1().Events("")})
	bound := informers.NewSharedInformerFactoryWithOptions(p.client, 0,
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.FieldSelector = "spec.nodeName!=" }))
	informer := bound.Core().V1().Pods().Informer()
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { p.seen(ctx, o.(*v1.Pod)) },
		UpdateFunc: func(_, o any) { p.seen(ctx, o.(*v1.Pod)) },
		DeleteFunc: func(o any) {
			if gone, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = gone.Obj
			}
			p.gone(o.(*v1.Pod).UID)
		},
	})
	owners := informers.NewSharedInformerFactory(p.client, 0)
	p.controllers = owners.Core().V1().ReplicationControllers().Lister()
	p.sets = owners.Apps().V1().ReplicaSets().Lister()
	owners.Start(ctx.Done())
	bound.Start(ctx.Done())
}

func (p *pods) seen(ctx context.Context, pod *v1.Pod) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.runs[pod.UID]
	if r == nil {
		finished := pod.Status.Phase == v1.PodFailed || pod.Status.Phase == v1.PodSucceeded
		if finished && pod.DeletionTimestamp == nil {
			return
		}
		r = p.newRun(ctx, pod)
		p.runs[pod.UID] = r
		go r.live()
	}
	r.latest.Store(pod)
	if pod.DeletionTimestamp != nil {
		r.endLife()
	}
}

func (p *pods) gone(uid types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.runs[uid]; r != nil {
		r.vanish()
		delete(p.runs, uid)
	}
}

func (p *pods) nextIP() string {
	p.lastIP++
	return fmt.Sprintf("10.244.%d.%d", p.lastIP/250%250, p.lastIP%250+2)
}

// present tells whether the node has the image, and remembers it from now on.
func (p *pods) present(node, image string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := node + "\n" + image
	had := p.pulled[key]
	p.pulled[key] = true
	return had
}

func (p *pods) find(namespace, name string) *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.runs {
		if r.pod.Namespace == namespace && r.pod.Name == name {
			return r
		}
	}
	return nil
}

func (p *pods) all() []*run {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]*run, 0, len(p.runs))
	for _, r := range p.runs {
		out = append(out, r)
	}
	return out
}

// ownerAnnotations lets a test change the load of running pods: `kubectl annotate rc NAME ...`.
func (p *pods) ownerAnnotations(pod *v1.Pod) annotations {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return nil
	}
	switch owner.Kind {
	case "ReplicationController":
		if rc, err := p.controllers.ReplicationControllers(pod.Namespace).Get(owner.Name); err == nil {
			return rc.Annotations
		}
	case "ReplicaSet":
		if rs, err := p.sets.ReplicaSets(pod.Namespace).Get(owner.Name); err == nil {
			return rs.Annotations
		}
	}
	return nil
}

// sleep is false when the life it belongs to ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
