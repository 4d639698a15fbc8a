package main

import (
	"sync"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// chooser remembers, by owner, the pods that only-pods lets misbehave.
type chooser struct {
	mu   sync.Mutex
	pods map[types.UID]map[types.UID]bool
}

// choose tells whether the pod is among the first `limit` of its owner. Their replacements are not.
func (c *chooser) choose(pod *v1.Pod, limit int) bool {
	owner := metav1.GetControllerOf(pod)
	if owner == nil || limit <= 0 {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pods == nil {
		c.pods = map[types.UID]map[types.UID]bool{}
	}
	of := c.pods[owner.UID]
	if of == nil {
		of = map[types.UID]bool{}
		c.pods[owner.UID] = of
	}
	if len(of) < limit {
		of[pod.UID] = true
	}
	return of[pod.UID]
}
