package main

import (
	"log"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"
)

const prefix = "lemmy.test/"

// plan is what a pod's annotations ask of its container; the README lists them.
type plan struct {
	behaviour      string
	container      string
	readyAfter     time.Duration
	after          time.Duration
	recoverAfter   time.Duration
	terminateAfter time.Duration
	period         time.Duration
	backoff        time.Duration
	logEvery       time.Duration
	exitCode       int32
	crashes        int
	onlyPods       int
	logLines       int
	message        string
	logs           string
	hasLogs        bool
}

var behaviours = map[string]bool{"": true,
	"crash-loop": true, "crash-after": true, "oom": true, "liveness": true, "start-error": true, "cannot-run": true,
	"image-not-found": true, "image-transient": true, "invalid-image-name": true,
	"config-error": true, "cache-sync": true, "never-ready": true, "oscillate": true,
	"evicted": true, "failed": true, "unschedulable": true,
}

const forever = 1000 * time.Hour

func readPlan(pod *v1.Pod) plan {
	a := annotations(pod.Annotations)
	p := plan{
		behaviour:      a.text("behaviour", ""),
		container:      a.text("container", pod.Spec.Containers[0].Name),
		message:        a.text("message", ""),
		readyAfter:     a.duration("ready-after", 300*time.Millisecond),
		terminateAfter: a.duration("terminate-after", 300*time.Millisecond),
		period:         a.duration("period", time.Second),
		backoff:        a.duration("backoff", time.Second),
		exitCode:       int32(a.number("exit-code", 1)),
		crashes:        a.number("crashes", 1<<30),
		onlyPods:       a.number("only-pods", 0),
		logLines:       a.number("log-lines", 0),
	}
	p.logs, p.hasLogs = a[prefix+"logs"]
	every := 5 * time.Second
	if p.hasLogs {
		every = 0 // a test that gives the text wants exactly that text
	}
	p.logEvery = a.duration("log-every", every)
	after, recovers := 300*time.Millisecond, forever
	switch p.behaviour {
	case "crash-after":
		after = 3 * time.Second
	case "evicted", "failed", "liveness":
		after = time.Second
	case "image-transient":
		recovers = 3 * time.Second
	case "cache-sync":
		recovers = 2 * time.Second
	}
	p.after, p.recoverAfter = a.duration("after", after), a.duration("recover-after", recovers)
	return p
}

// wellBehaved keeps what is not a misbehaviour: for the pods that only-pods spares, and for the other containers.
func (p plan) wellBehaved() plan {
	p.behaviour, p.recoverAfter = "", forever
	return p
}

type annotations map[string]string

func (a annotations) text(key, otherwise string) string {
	if v, ok := a[prefix+key]; ok {
		return v
	}
	return otherwise
}

func (a annotations) duration(key string, otherwise time.Duration) time.Duration {
	v, ok := a[prefix+key]
	if !ok {
		return otherwise
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		log.Printf("annotation %s: %v", key, err)
		return otherwise
	}
	return d
}

func (a annotations) number(key string, otherwise int) int {
	v, ok := a[prefix+key]
	if !ok {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		log.Printf("annotation %s: %v", key, err)
		return otherwise
	}
	return n
}
