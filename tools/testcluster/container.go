package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ending is how one instance of a container ended.
type ending struct {
	code            int32
	reason, message string
	neverStarted    bool
}

func (r *run) restarts(code int32) bool {
	switch r.pod.Spec.RestartPolicy {
	case v1.RestartPolicyNever:
		return false
	case v1.RestartPolicyOnFailure:
		return code != 0
	}
	return true
}

// contain is the life of one container, from the pull of its image through all its restarts.
func (r *run) contain(i int) {
	p := r.plan
	if r.pod.Spec.Containers[i].Name != p.container {
		p = p.wellBehaved()
	}
	if !r.pull(i, p) {
		return
	}
	for crashes := 0; ; crashes++ {
		env, ok := r.configure(i, p)
		if !ok {
			return
		}
		if crashes >= p.crashes {
			p = p.wellBehaved()
		}
		end := r.execute(i, p, env, crashes)
		if end == nil || !r.restarts(end.code) || !r.backOff(i, p, crashes) {
			return
		}
	}
}

// execute runs one instance. It returns nil when the pod is to go, or has failed as a whole.
func (r *run) execute(i int, p plan, env map[string]string, restarts int) *ending {
	name := r.pod.Spec.Containers[i].Name
	box := r.newInstance(name, p, env, int32(restarts))
	r.event(name, v1.EventTypeNormal, "Created", "Created container: "+name)
	if end := r.cannotStart(i, p, box); end != nil {
		return end
	}
	r.event(name, v1.EventTypeNormal, "Started", "Started container "+name)
	yes := true
	r.changeContainer(i, func(c *v1.ContainerStatus) {
		if t := c.State.Terminated; t != nil {
			c.LastTerminationState = v1.ContainerState{Terminated: t}
		}
		c.State = v1.ContainerState{Running: &v1.ContainerStateRunning{StartedAt: metav1.NewTime(box.started)}}
		c.ContainerID, c.Started, c.RestartCount = box.id, &yes, box.restarts
	})
	end := r.behave(i, p)
	if end == nil {
		return nil
	}
	r.ended(i, p, box, end)
	if !sleep(r.alive, 150*time.Millisecond) {
		return nil
	}
	return end
}

// behave lasts as long as the container runs.
func (r *run) behave(i int, p plan) *ending {
	name := r.pod.Spec.Containers[i].Name
	switch p.behaviour {
	case "crash-loop", "oom":
		if !sleep(r.alive, p.after) {
			return nil
		}
		return p.crash()
	case "never-ready":
		for sleep(r.alive, p.period) {
			r.event(name, v1.EventTypeWarning, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")
		}
		return nil
	}
	begun := time.Now()
	// Ready counts from the pod's first moment the first time, so that 300 ms are 300 ms.
	wait := p.readyAfter
	r.mu.Lock()
	if r.status.ContainerStatuses[i].RestartCount == 0 {
		wait -= time.Since(r.started)
	}
	r.mu.Unlock()
	if !sleep(r.alive, wait) {
		return nil
	}
	r.setReady(i, true)
	if p.behaviour == "oscillate" {
		for ready := false; sleep(r.alive, p.period); ready = !ready {
			if !ready {
				r.event(name, v1.EventTypeWarning, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")
			}
			r.setReady(i, ready)
		}
		return nil
	}
	if p.behaviour != "crash-after" && p.behaviour != "liveness" && p.behaviour != "evicted" && p.behaviour != "failed" {
		<-r.alive.Done()
		return nil
	}
	if !sleep(r.alive, p.after-time.Since(begun)) {
		return nil
	}
	switch p.behaviour {
	case "evicted":
		message := p.or("The node was low on resource: memory. Threshold quantity: 100Mi, available: 71540Ki. " +
			"Container " + name + " was using 1843Mi, request is 256Mi, has larger consumption of memory. ")
		r.event("", v1.EventTypeWarning, "Evicted", message)
		r.event(name, v1.EventTypeNormal, "Killing", "Stopping container "+name)
		r.fail("Evicted", message, 137)
		return nil
	case "failed":
		r.fail("", p.message, p.exitCode)
		return nil
	case "liveness":
		r.event(name, v1.EventTypeWarning, "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500")
		r.event(name, v1.EventTypeNormal, "Killing", "Container "+name+" failed liveness probe, will be restarted")
		return &ending{code: 137, reason: "Error"}
	}
	return p.crash()
}

func (p plan) crash() *ending {
	switch {
	case p.behaviour == "oom":
		return &ending{code: 137, reason: "OOMKilled"}
	case p.exitCode == 0:
		return &ending{reason: "Completed"}
	}
	return &ending{code: p.exitCode, reason: "Error", message: p.message}
}

// or gives the annotation's message, or else the one a real cluster would show.
func (p plan) or(message string) string {
	if p.message != "" {
		return p.message
	}
	return message
}

// cannotStart shows the runtime's refusal for a moment before it becomes a termination.
func (r *run) cannotStart(i int, p plan, box *instance) *ending {
	var end *ending
	switch p.behaviour {
	case "start-error":
		end = &ending{code: 128, reason: "StartError", neverStarted: true, message: p.or(
			"failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: " +
				`unable to start container process: exec: "/app/server": stat /app/server: no such file or directory: unknown`)}
	case "cannot-run":
		end = &ending{code: 127, reason: "ContainerCannotRun", neverStarted: true, message: p.or(
			"OCI runtime create failed: container_linux.go:380: starting container process caused: " +
				`exec: "server": executable file not found in $PATH: unknown`)}
	default:
		return nil
	}
	r.event(r.pod.Spec.Containers[i].Name, v1.EventTypeWarning, "Failed", "Error: "+end.message)
	r.ended(i, p, box, end)
	r.waiting(i, "RunContainerError", end.message)
	sleep(r.alive, 400*time.Millisecond)
	return end
}

func (r *run) ended(i int, p plan, box *instance, end *ending) {
	if !end.neverStarted {
		box.end(p)
	}
	message := end.message
	if c := r.pod.Spec.Containers[i]; message == "" && end.code != 0 &&
		c.TerminationMessagePolicy == v1.TerminationMessageFallbackToLogsOnError {
		message = box.lastWords()
	}
	no := false
	r.changeContainer(i, func(c *v1.ContainerStatus) {
		t := &v1.ContainerStateTerminated{ExitCode: end.code, Reason: end.reason, Message: message,
			StartedAt: metav1.NewTime(box.started), FinishedAt: metav1.Now(), ContainerID: box.id}
		if end.neverStarted {
			t.StartedAt = metav1.Unix(0, 0)
		}
		if c.State.Terminated != nil {
			c.LastTerminationState = c.State
		}
		c.State = v1.ContainerState{Terminated: t}
		c.ContainerID, c.Ready, c.Started, c.RestartCount = box.id, false, &no, box.restarts
	})
}

// waiting moves a termination to lastState, where a kubelet puts it while it waits.
func (r *run) waiting(i int, reason, message string) {
	no := false
	r.changeContainer(i, func(c *v1.ContainerStatus) {
		if c.State.Terminated != nil {
			c.LastTerminationState = c.State
		}
		c.State = v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: reason, Message: message}}
		c.Ready, c.Started = false, &no
	})
}

// backOff restarts the first time at once, as a kubelet does; later it tells a kubelet's waits and keeps shorter ones.
func (r *run) backOff(i int, p plan, crashes int) bool {
	if crashes == 0 {
		return r.alive.Err() == nil
	}
	name := r.pod.Spec.Containers[i].Name
	told := min(10*time.Second<<min(crashes-1, 8), 5*time.Minute)
	kept := min(p.backoff<<min(crashes-1, 8), 4*p.backoff)
	id := fmt.Sprintf("%s_%s(%s)", r.pod.Name, r.pod.Namespace, r.pod.UID)
	r.event(name, v1.EventTypeWarning, "BackOff", fmt.Sprintf("Back-off restarting failed container %s in pod %s", name, id))
	r.waiting(i, "CrashLoopBackOff", fmt.Sprintf("back-off %s restarting failed container=%s pod=%s", told, name, id))
	return sleep(r.alive, kept)
}

func (r *run) setReady(i int, ready bool) {
	r.changeContainer(i, func(c *v1.ContainerStatus) { c.Ready = ready })
}

func containerID() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return "containerd://" + hex.EncodeToString(b)
}
