package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// run is the life of one pod on a node.
type run struct {
	*pods
	pod     *v1.Pod // as first seen; its spec does not change
	latest  atomic.Pointer[v1.Pod]
	plan    plan
	started time.Time
	ip      string

	alive   context.Context // ends when the pod shall be deleted
	endLife context.CancelFunc
	exists  context.Context // ends when the pod is no longer in the API
	vanish  context.CancelFunc

	mu        sync.Mutex
	status    v1.PodStatus
	instances map[string][]*instance // by container: the current one last, and at most the one before it
}

// newRun is called with the lock of pods held.
func (p *pods) newRun(ctx context.Context, pod *v1.Pod) *run {
	r := &run{pods: p, pod: pod, plan: readPlan(pod), started: time.Now(), ip: p.nextIP(),
		instances: map[string][]*instance{}}
	if !p.chosen.choose(pod, r.plan.onlyPods) {
		r.plan = r.plan.wellBehaved()
	}
	r.exists, r.vanish = context.WithCancel(ctx)
	r.alive, r.endLife = context.WithCancel(r.exists)
	return r
}

func (r *run) live() {
	if r.pod.DeletionTimestamp == nil {
		if !behaviours[r.plan.behaviour] {
			r.event("", v1.EventTypeWarning, "UnknownBehaviour", prefix+"behaviour: "+r.plan.behaviour)
		}
		r.begin()
		if r.mount() && sleep(r.alive, 60*time.Millisecond) {
			r.change(func() {
				r.status.PodIP = r.ip
				r.status.PodIPs = []v1.PodIP{{IP: r.ip}}
				r.condition(v1.PodReadyToStartContainers, true, "", "")
			})
			var wait sync.WaitGroup
			for i := range r.pod.Spec.Containers {
				wait.Add(1)
				go func() {
					defer wait.Done()
					r.contain(i)
				}()
			}
			wait.Wait()
		}
		<-r.alive.Done()
	}
	r.terminate()
}

func (r *run) begin() {
	now := metav1.Now()
	r.change(func() {
		r.status = v1.PodStatus{Phase: v1.PodPending, StartTime: &now, HostIP: "127.0.0.1",
			HostIPs: []v1.HostIP{{IP: "127.0.0.1"}}, QOSClass: r.pod.Status.QOSClass,
			ObservedGeneration: r.pod.Generation}
		for _, c := range r.pod.Status.Conditions {
			if c.Type == v1.PodScheduled {
				r.status.Conditions = append(r.status.Conditions, c)
			}
		}
		for _, c := range r.pod.Spec.InitContainers {
			r.status.InitContainerStatuses = append(r.status.InitContainerStatuses, v1.ContainerStatus{
				Name: c.Name, Image: c.Image, Ready: true, ContainerID: containerID(),
				State: v1.ContainerState{Terminated: &v1.ContainerStateTerminated{Reason: "Completed", StartedAt: now, FinishedAt: now}}})
		}
		no := false
		for _, c := range r.pod.Spec.Containers {
			r.status.ContainerStatuses = append(r.status.ContainerStatuses, v1.ContainerStatus{
				Name: c.Name, Image: c.Image, Started: &no,
				State: v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: "ContainerCreating"}}})
		}
		r.condition(v1.PodReadyToStartContainers, false, "", "")
		r.condition(v1.PodInitialized, true, "", "")
	})
}

// change alters the status and tells the API, in one step so that no two changes are told in the wrong order.
func (r *run) change(alter func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	alter()
	r.summarize()
	r.publish()
}

// changeContainer is change for the status of one container.
func (r *run) changeContainer(i int, alter func(*v1.ContainerStatus)) {
	r.change(func() { alter(&r.status.ContainerStatuses[i]) })
}

// summarize derives phase and conditions from the containers, as a kubelet does.
func (r *run) summarize() {
	finished := r.status.Phase == v1.PodFailed || r.status.Phase == v1.PodSucceeded
	var unready []string
	fresh, ended, failed := 0, 0, 0
	for _, c := range r.status.ContainerStatuses {
		if !c.Ready {
			unready = append(unready, c.Name)
		}
		if c.State.Waiting != nil && c.LastTerminationState.Terminated == nil {
			fresh++
		}
		if t := c.State.Terminated; t != nil && !r.restarts(t.ExitCode) {
			ended++
			if t.ExitCode != 0 {
				failed++
			}
		}
	}
	if !finished {
		r.status.Phase = v1.PodRunning
		switch {
		case fresh > 0:
			r.status.Phase = v1.PodPending
		case ended == len(r.status.ContainerStatuses) && failed > 0:
			r.status.Phase = v1.PodFailed
		case ended == len(r.status.ContainerStatuses):
			r.status.Phase = v1.PodSucceeded
		}
	}
	reason, message := "ContainersNotReady", "containers with unready status: ["+strings.Join(unready, " ")+"]"
	switch {
	case r.status.Phase == v1.PodFailed:
		reason, message = "PodFailed", ""
	case r.status.Phase == v1.PodSucceeded:
		reason, message = "PodCompleted", ""
	case len(unready) == 0:
		reason, message = "", ""
	}
	ready := reason == ""
	r.condition(v1.PodReady, ready, reason, message)
	r.condition(v1.ContainersReady, ready, reason, message)
}

func (r *run) condition(kind v1.PodConditionType, is bool, reason, message string) {
	c := v1.PodCondition{Type: kind, Status: v1.ConditionFalse, Reason: reason, Message: message,
		LastTransitionTime: metav1.Now()}
	if is {
		c.Status = v1.ConditionTrue
	}
	for i := range r.status.Conditions {
		if old := &r.status.Conditions[i]; old.Type == kind {
			if old.Status == c.Status {
				c.LastTransitionTime = old.LastTransitionTime
			}
			*old = c
			return
		}
	}
	r.status.Conditions = append(r.status.Conditions, c)
}

func (r *run) publish() {
	// The UID keeps us from writing to a later pod of the same name.
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": r.pod.UID}, "status": r.status})
	if err != nil {
		log.Print(err)
		return
	}
	for r.exists.Err() == nil {
		_, err := r.client.CoreV1().Pods(r.pod.Namespace).Patch(r.exists, r.pod.Name, types.MergePatchType, patch,
			metav1.PatchOptions{}, "status")
		if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) || r.exists.Err() != nil {
			return
		}
		log.Printf("status of %s/%s: %v", r.pod.Namespace, r.pod.Name, err)
		if apierrors.IsInvalid(err) || !sleep(r.exists, 500*time.Millisecond) {
			return
		}
	}
}

// fail ends the whole pod, as an eviction does.
func (r *run) fail(reason, message string, code int32) {
	r.change(func() {
		r.status.Phase, r.status.Reason, r.status.Message = v1.PodFailed, reason, message
		if reason == "Evicted" {
			r.condition(v1.DisruptionTarget, true, "TerminationByKubelet", message)
		}
		r.stopContainers(code, "Error")
	})
}

func (r *run) stopContainers(code int32, reason string) {
	no := false
	for i := range r.status.ContainerStatuses {
		c := &r.status.ContainerStatuses[i]
		if c.State.Running != nil {
			r.finish(c.Name)
			c.State = v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ExitCode: code, Reason: reason,
				StartedAt: c.State.Running.StartedAt, FinishedAt: metav1.Now(), ContainerID: c.ContainerID}}
		}
		c.Ready, c.Started = false, &no
	}
}

// terminate is the graceful end: the containers stop after a moment, then the object goes.
func (r *run) terminate() {
	pod := r.latest.Load()
	if r.exists.Err() != nil || pod == nil || pod.DeletionTimestamp == nil {
		return
	}
	grace := 30 * time.Second
	if s := pod.DeletionGracePeriodSeconds; s != nil {
		grace = time.Duration(*s) * time.Second
	}
	r.mu.Lock()
	running := 0
	for _, c := range r.status.ContainerStatuses {
		if c.State.Running != nil {
			running++
			r.event(c.Name, v1.EventTypeNormal, "Killing", "Stopping container "+c.Name)
		}
	}
	r.mu.Unlock()
	if running > 0 {
		code, reason := int32(0), "Completed"
		if r.plan.terminateAfter > grace {
			code, reason = 137, "Error"
		}
		if !sleep(r.exists, min(r.plan.terminateAfter, grace)) {
			return
		}
		r.change(func() { r.stopContainers(code, reason) })
	}
	now, uid := int64(0), r.pod.UID
	err := r.client.CoreV1().Pods(r.pod.Namespace).Delete(r.exists, r.pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &uid}})
	if err != nil && r.exists.Err() == nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		log.Printf("deleting %s/%s: %v", r.pod.Namespace, r.pod.Name, err)
	}
}

func (r *run) event(container, kind, reason, message string) {
	ref := &v1.ObjectReference{Kind: "Pod", APIVersion: "v1", Namespace: r.pod.Namespace, Name: r.pod.Name,
		UID: r.pod.UID, ResourceVersion: r.pod.ResourceVersion}
	if container != "" {
		ref.FieldPath = fmt.Sprintf("spec.containers{%s}", container)
	}
	r.recorder.Event(ref, kind, reason, message)
}
