package main

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/distribution/reference"
	v1 "k8s.io/api/core/v1"
)

// pull brings the image, or fails at it as long as the plan says. It is false when the pod is to go.
func (r *run) pull(i int, p plan) bool {
	c := r.pod.Spec.Containers[i]
	named, err := reference.ParseNormalizedNamed(c.Image)
	for err != nil || p.behaviour == "invalid-image-name" {
		if err == nil {
			err = reference.ErrReferenceInvalidFormat
		}
		message := p.or(fmt.Sprintf("Failed to apply default image tag %q: couldn't parse image name %q: %v", c.Image, c.Image, err))
		r.event(c.Name, v1.EventTypeWarning, "InspectFailed", message)
		r.event(c.Name, v1.EventTypeWarning, "Failed", "Error: InvalidImageName")
		r.waiting(i, "InvalidImageName", message)
		if !sleep(r.alive, 2*time.Second) {
			return false
		}
	}
	full := reference.TagNameOnly(named).String()
	for p.behaviour == "image-not-found" || p.behaviour == "image-transient" {
		if time.Since(r.started) > p.recoverAfter {
			break
		}
		reason := fmt.Sprintf("%s: not found", full)
		if p.behaviour == "image-transient" {
			host := reference.Domain(named)
			reason = fmt.Sprintf("failed to do request: Head \"https://%s/v2/%s/manifests/latest\": dial tcp: i/o timeout",
				host, reference.Path(named))
		}
		if !r.pullFails(i, c.Image, p.or(fmt.Sprintf("failed to pull and unpack image %q: failed to resolve reference %q: %s",
			full, full, reason))) {
			return false
		}
	}
	begun := time.Now()
	present := r.present(r.pod.Spec.NodeName, full)
	if present && c.ImagePullPolicy != v1.PullAlways {
		r.event(c.Name, v1.EventTypeNormal, "Pulled", fmt.Sprintf("Container image %q already present on machine", c.Image))
	} else {
		r.event(c.Name, v1.EventTypeNormal, "Pulling", fmt.Sprintf("Pulling image %q", c.Image))
		if !sleep(r.alive, 50*time.Millisecond) {
			return false
		}
		took := time.Since(begun).Truncate(time.Millisecond)
		r.event(c.Name, v1.EventTypeNormal, "Pulled", fmt.Sprintf(
			"Successfully pulled image %q in %v (%v including waiting). Image size: 58432157 bytes.", c.Image, took, took))
	}
	// Told with the container's next state; by itself it is no news.
	r.mu.Lock()
	r.status.ContainerStatuses[i].Image = full
	r.status.ContainerStatuses[i].ImageID = fmt.Sprintf("%s@sha256:%x", named.Name(), sha256.Sum256([]byte(full)))
	r.mu.Unlock()
	return true
}

func (r *run) pullFails(i int, image, message string) bool {
	name := r.pod.Spec.Containers[i].Name
	r.event(name, v1.EventTypeNormal, "Pulling", fmt.Sprintf("Pulling image %q", image))
	r.event(name, v1.EventTypeWarning, "Failed", fmt.Sprintf("Failed to pull image %q: %s", image, message))
	r.event(name, v1.EventTypeWarning, "Failed", "Error: ErrImagePull")
	r.waiting(i, "ErrImagePull", message)
	if !sleep(r.alive, 700*time.Millisecond) {
		return false
	}
	backOff := fmt.Sprintf("Back-off pulling image %q", image)
	r.event(name, v1.EventTypeNormal, "BackOff", backOff)
	r.event(name, v1.EventTypeWarning, "Failed", "Error: ImagePullBackOff")
	r.waiting(i, "ImagePullBackOff", backOff+": ErrImagePull: "+message)
	return sleep(r.alive, 1300*time.Millisecond)
}
